"""augmentation/batch_crop.py: many crops at once are what one crop after the other is."""

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
from hand_pose_25d_train.augmentation.batch_crop import (
    Views,
    ideal_regions,
    identity,
    jittered,
    read_pixels,
)
from hand_pose_25d_train.datasets.training_sample import OUTSIDE, Jitter

FOCAL = 150.0
SIZE = 64
MIDDLE = (SIDE - 1) / 2
CAMERA = Camera(FOCAL, FOCAL, MIDDLE, MIDDLE, SIDE, SIDE)


def hands(seed: int, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return (B, 21, 3) m and (B, 21, 2) px of some hands."""
    rng = np.random.default_rng(seed)
    points = np.stack([hand(rng)[0] for _ in range(count)])
    return points, points[..., :2] / points[..., 2:] * FOCAL + MIDDLE


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, Views, list[VirtualCamera]]:
    """The same jittered views of some hands, as a batch and one by one."""
    points, uv = hands(seed)
    rng = np.random.default_rng(seed + 1)
    regions = jittered(ideal_regions(uv), Jitter(), rng)
    mirror = rng.random(len(uv)) < 0.5
    views = Views.of(np.full(len(uv), FOCAL), SIDE, regions, SIZE, mirror)
    fields = zip(regions.center.tolist(), regions.size, regions.angle, mirror, strict=True)
    single = [
        VirtualCamera.from_region(CAMERA, Region((u, v), float(s), float(a)), SIZE, mirror=bool(m))
        for (u, v), s, a, m in fields
    ]
    return points, uv, views, single


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_regions_are_those_of_single_hands(seed: int) -> None:
    _, uv = hands(seed, 3)
    found = ideal_regions(uv)
    for i, points in enumerate(uv):
        expected = Region.from_keypoints(points)
        assert found.center[i] == pytest.approx(expected.center)
        assert found.size[i] == pytest.approx(expected.size)
        assert found.angle[i] == pytest.approx(expected.angle)


def test_jitter_has_the_spread_of_single_regions() -> None:
    ideal = Region((40.0, 50.0), 60.0, 0.2)
    count, jitter = 4000, Jitter()
    rng = np.random.default_rng(0)
    single = [jitter.region(ideal, rng) for _ in range(count)]
    many = type(ideal_regions(hands(0)[1]))(
        np.repeat([ideal.center], count, 0), np.full(count, ideal.size), np.full(count, 0.2)
    )
    found = jittered(many, jitter, rng)
    for a, b in (
        (found.size, [r.size for r in single]),
        (found.angle, [r.angle for r in single]),
        (found.center[:, 0], [r.center[0] for r in single]),
    ):
        quantiles = np.linspace(0.05, 0.95, 7)
        spread = float(np.std(b))
        assert np.quantile(a, quantiles) == pytest.approx(
            np.quantile(b, quantiles), abs=0.12 * spread
        )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_views_are_those_of_single_crops(seed: int) -> None:
    points, uv, views, single = drawn(seed)
    depths, seen, corners = views.depths(points), views.image_to_crop(uv), views.homographies
    for i, view in enumerate(single):
        assert views.focal[i] == pytest.approx(view.focal)
        assert views.rotation[i] == pytest.approx(view.rotation, abs=1e-12)
        assert seen[i] == pytest.approx(view.image_to_crop(uv[i]), abs=1e-8)
        assert depths[i] == pytest.approx(encode(view.to_virtual(points[i])).relative_depth)
        for corner in ((0.0, 0.0), (SIZE - 1.0, 3.0)):
            place = corners[i] @ [*corner, 1.0]
            expected = view.crop_to_image(np.array(corner))
            assert place[:2] / place[2] == pytest.approx(expected, abs=1e-8)


def test_labels_outside_are_not_asked_for() -> None:
    _, uv, views, _ = drawn(3)
    uv[0, 4] = (10 * SIDE, 0.0)
    seen, weight = views.labels(uv)
    assert weight[0, 4] == 0
    assert np.isfinite(seen).all()
    margin = OUTSIDE * SIZE
    inside = ((seen > -margin) & (seen < SIZE + margin)).all(-1)
    assert (weight == inside).all()


def test_pixels_are_those_of_single_crops() -> None:
    _, uv, views, single = drawn(7)
    images = [draw_skeleton(points) for points in uv]
    stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    found = read_pixels(stack, torch.from_numpy(views.homographies), SIZE)
    for view, image, crop in zip(single, images, found, strict=True):
        expected = view.sample(image).astype(float)
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
