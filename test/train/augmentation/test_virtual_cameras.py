"""augmentation/{regions,virtual_cameras}.py: many at once are what one after the other is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import SIDE, draw_skeleton, hand

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.reconstruction.pose25d import encode
from hand_pose_25d_train.augmentation.regions import Jitter, Regions
from hand_pose_25d_train.augmentation.virtual_cameras import (
    OUTSIDE,
    Cameras,
    Pinholes,
    VirtualCameras,
    identity,
    read_pixels,
)

FOCAL = 150.0
SIZE = 64
MIDDLE = (SIDE - 1) / 2
CAMERA = Camera(FOCAL, FOCAL, MIDDLE, MIDDLE, SIDE, SIDE)


def hands(seed: int, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return (B, 21, 3) m and (B, 21, 2) px of some hands."""
    rng = np.random.default_rng(seed)
    points = np.stack([hand(rng)[0] for _ in range(count)])
    return points, points[..., :2] / points[..., 2:] * FOCAL + MIDDLE


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, VirtualCameras, list[VirtualCamera]]:
    """The same jittered virtual of some hands, as a batch and one by one."""
    points, uv = hands(seed)
    rng = np.random.default_rng(seed + 1)
    regions = Jitter().place(uv, rng)
    mirror = rng.random(len(uv)) < 0.5
    cameras = Pinholes.centred(np.full(len(uv), FOCAL), SIDE)
    virtual = VirtualCameras.of(cameras, regions, SIZE, mirror)
    single = [
        VirtualCamera.from_region(CAMERA, region, SIZE, mirror=bool(m))
        for region, m in zip(regions, mirror, strict=True)
    ]
    return points, uv, virtual, single


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_regions_are_those_of_single_hands(seed: int) -> None:
    _, uv = hands(seed, 3)
    found = Regions.from_keypoints(uv)
    for i, points in enumerate(uv):
        expected = Region.from_keypoints(points)
        assert found.center[i] == pytest.approx(expected.center)
        assert found.size[i] == pytest.approx(expected.size)
        assert found.angle[i] == pytest.approx(expected.angle)


def test_jitter_is_distributed_as_configured() -> None:
    count, jitter = 8000, Jitter()
    uv = np.repeat(hands(0)[1][:1], count, 0)
    ideal = Region.from_keypoints(uv[0])
    found = jitter.place(uv, np.random.default_rng(0))
    rotation = (found.angle - ideal.angle + np.pi) % (2 * np.pi) - np.pi
    scale = np.log(found.size / ideal.size)
    shift = (found.center - ideal.center) / ideal.size
    # 12 % of the rotations are uniform, of the others 90 % lie within 1.645 standard deviations.
    within = (np.abs(rotation) < 1.645 * jitter.angle).mean()
    expected = 0.88 * 0.9 + 0.12 * 1.645 * jitter.angle / np.pi
    assert within == pytest.approx(expected, abs=0.01)
    assert (np.abs(rotation) > 1.5).mean() == pytest.approx(0.12 * (1 - 1.5 / np.pi), abs=0.01)
    assert scale.std() == pytest.approx(jitter.scale, rel=0.05)
    assert np.abs(scale).max() <= 0.35 + 1e-9
    assert shift.std(0) == pytest.approx([jitter.shift] * 2, rel=0.05)
    assert np.abs(shift).max() <= 0.2 + 1e-9


def test_no_region_for_what_is_no_hand() -> None:
    uv = hands(0)[1]
    uv[2] = 5.0
    with pytest.raises(ValueError, match="hand 2 has the centre .* and the size 0.0"):
        Regions.from_keypoints(uv)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_views_are_those_of_single_crops(seed: int) -> None:
    points, uv, virtual, single = drawn(seed)
    depths, seen, corners = virtual.depths(points), virtual.image_to_crop(uv), virtual.homographies
    for i, camera in enumerate(single):
        assert virtual.focal[i] == pytest.approx(camera.focal)
        assert virtual.rotation[i] == pytest.approx(camera.rotation, abs=1e-12)
        assert seen[i] == pytest.approx(camera.image_to_crop(uv[i]), abs=1e-8)
        assert depths[i] == pytest.approx(encode(camera.to_virtual(points[i])).relative_depth)
        for corner in ((0.0, 0.0), (SIZE - 1.0, 3.0)):
            place = corners[i] @ [*corner, 1.0]
            expected = camera.crop_to_image(np.array(corner))
            assert place[:2] / place[2] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    "camera",
    [
        Camera(140, 160, 30.5, 61.0, SIDE, SIDE),
        Camera(FOCAL, FOCAL, MIDDLE, MIDDLE, SIDE, SIDE, (-0.2, 0.03, 0.001, 0.0, 0.0)),
        Camera(90, 90, MIDDLE, MIDDLE, SIDE, SIDE, (0.05, 0.0, 0.0, 0.0), "equidistant"),
    ],
    ids=["off centre", "distorted", "fisheye"],
)
def test_cameras_of_any_kind_are_looked_through(camera: Camera) -> None:
    points, _ = hands(11)
    uv = np.stack([camera.project(p) for p in points])
    regions = Jitter().place(uv, np.random.default_rng(0))
    mirror = np.arange(len(uv)) % 2 == 1
    virtual = VirtualCameras.of(Cameras([camera] * len(uv)), regions, SIZE, mirror)
    seen = virtual.image_to_crop(uv)
    for i, region in enumerate(regions):
        expected = VirtualCamera.from_region(camera, region, SIZE, mirror=bool(mirror[i]))
        assert virtual.rotation[i] == pytest.approx(expected.rotation, abs=1e-12)
        assert virtual.focal[i] == pytest.approx(expected.focal)
        assert seen[i] == pytest.approx(expected.image_to_crop(uv[i]), abs=1e-6)
        assert seen[i] == pytest.approx(expected.project(virtual.to_virtual(points)[i]), abs=1e-4)
        assert virtual.camera(i).shrink == expected.shrink
        picture = draw_skeleton(uv[i])
        assert (virtual.camera(i).sample(picture) == expected.sample(picture)).all()


def test_a_region_that_the_lens_cannot_see_is_moved() -> None:
    camera = Camera(60, 60, MIDDLE, MIDDLE, SIDE, SIDE, (-0.3, 0.0, 0.0, 0.0))
    regions = Regions(np.array([[MIDDLE, MIDDLE], [900.0, 900.0]]), np.full(2, 40.0), np.zeros(2))
    virtual = VirtualCameras.of(Cameras([camera] * 2), regions, SIZE, np.zeros(2, bool))
    for i, region in enumerate(regions):
        expected = VirtualCamera.from_region(camera, region, SIZE)
        assert virtual.rotation[i] == pytest.approx(expected.rotation, abs=1e-12)
        assert virtual.focal[i] == pytest.approx(expected.focal)


def test_labels_outside_are_not_asked_for() -> None:
    _, uv, virtual, _ = drawn(3)
    uv[0, 4] = (10 * SIDE, 0.0)
    seen, weight = virtual.labels(uv)
    assert weight[0, 4] == 0
    assert np.isfinite(seen).all()
    margin = OUTSIDE * SIZE
    inside = ((seen > -margin) & (seen < SIZE + margin)).all(-1)
    assert (weight == inside).all()


def test_pixels_are_those_of_single_crops() -> None:
    _, uv, virtual, single = drawn(7)
    images = [draw_skeleton(points) for points in uv]
    stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    found = read_pixels(stack, torch.from_numpy(virtual.homographies), SIZE)
    for camera, image, crop in zip(single, images, found, strict=True):
        expected = camera.sample(image).astype(float)
        difference = np.abs(crop.permute(1, 2, 0).numpy() - expected)
        # OpenCV's bilinear weights have 5 bits, and both end in black at their own border.
        assert np.mean(difference) < 0.6
        assert np.quantile(difference, 0.99) < 8


def test_the_identity_scales_the_whole_image() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    same = read_pixels(image, torch.from_numpy(identity(4, 1, 4)), 4)
    assert same.numpy() == pytest.approx(image.numpy(), abs=1e-4)
    half = read_pixels(image, torch.from_numpy(identity(4, 1, 2)), 2)
    assert half.flatten().tolist() == pytest.approx([2.5, 4.5, 10.5, 12.5], abs=1e-4)
