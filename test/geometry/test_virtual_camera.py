"""The virtual camera: against OpenCV's warps, and against points in space."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera

CAMERAS = {
    "pinhole": Camera(500.0, 510.0, 320.0, 240.0, 640, 480),
    "plumb_bob": Camera(500.0, 510.0, 320.0, 240.0, 640, 480, (-0.3, 0.1, 1e-3, -2e-3, 0.02)),
    "fisheye": Camera(
        280.0, 280.0, 320.0, 240.0, 640, 480, (0.05, -0.01, 4e-3, -1e-3), "equidistant"
    ),
}
regions = st.builds(
    lambda u, v, size, angle: Region((u, v), size, angle),
    st.floats(30, 610),
    st.floats(30, 450),
    st.floats(30, 300),
    st.floats(-3.1, 3.1),
)


def picture(seed: int = 0) -> np.ndarray:
    """A smooth colour image, so that interpolation hardly matters."""
    noise = np.random.default_rng(seed).uniform(0, 255, (30, 40, 3)).astype(np.float32)
    large = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)
    return large.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("mirror", [False, True])
@given(region=regions)
@settings(max_examples=40)
def test_pixels_go_there_and_back(name, mirror, region):
    view = VirtualCamera.from_region(CAMERAS[name], region, 128, mirror)
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(view.image_to_crop(np.array(region.center)), 63.5, atol=1e-6)
    crop = np.random.default_rng(1).uniform(20, 107, (30, 2))
    image = view.crop_to_image(crop)
    inside = np.isfinite(image).all(-1)
    np.testing.assert_allclose(view.image_to_crop(image[inside]), crop[inside], atol=1e-6)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("mirror", [False, True])
def test_up_is_the_regions_up_and_the_size_its_size(name, mirror):
    region = Region((350.0, 260.0), 120.0, 0.7)
    view = VirtualCamera.from_region(CAMERAS[name], region, 128, mirror)
    up = np.array([math.sin(0.7), -math.cos(0.7)])
    right = np.array([math.cos(0.7), math.sin(0.7)])
    du, dv = view.image_to_crop(np.array(region.center) + up) - 63.5
    assert abs(du) < 0.02
    assert dv == pytest.approx(-128 / 120, rel=0.05)
    du, dv = view.image_to_crop(np.array(region.center) + right) - 63.5
    assert du == pytest.approx((-1 if mirror else 1) * 128 / 120, rel=0.05)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("mirror", [False, True])
def test_rays_are_those_of_the_real_hand(name, mirror):
    camera = CAMERAS[name]
    view = VirtualCamera.from_region(camera, Region((480.0, 130.0), 160.0, -0.5), 128, mirror)
    points = view.to_camera(np.random.default_rng(2).uniform(-0.05, 0.05, (21, 3)) + (0, 0, 0.5))
    crop = view.image_to_crop(camera.project(points))
    virtual = view.to_virtual(points)
    np.testing.assert_allclose(view.rays(crop), virtual[:, :2] / virtual[:, 2:], atol=1e-9)
    np.testing.assert_allclose(view.project(virtual), crop, atol=1e-6)
    np.testing.assert_allclose(view.to_camera(virtual), points, atol=1e-12)


def test_mirror_swaps_columns():
    region = Region((300.0, 200.0), 100.0, 0.4)
    plain = VirtualCamera.from_region(CAMERAS["pinhole"], region, 96)
    mirrored = VirtualCamera.from_region(CAMERAS["pinhole"], region, 96, mirror=True)
    image = picture()
    difference = plain.sample(image)[:, ::-1].astype(int) - mirrored.sample(image)
    assert np.abs(difference).max() <= 1
    np.testing.assert_allclose(
        mirrored.image_to_crop(np.array([310.0, 190.0])),
        (95, 0) + plain.image_to_crop(np.array([310.0, 190.0])) * (-1, 1),
        atol=1e-9,
    )
    np.testing.assert_array_equal(plain.K, mirrored.K)


@pytest.mark.parametrize("mirror", [False, True])
def test_pinhole_sample_is_warp_perspective(mirror):
    camera = CAMERAS["pinhole"]
    view = VirtualCamera.from_region(camera, Region((420.0, 150.0), 150.0, 0.9), 128, mirror)
    corners = np.array([[0, 0], [127, 0], [127, 127], [0, 127]], np.float32)
    homography = cv2.getPerspectiveTransform(
        view.crop_to_image(corners.astype(float)).astype(np.float32), corners
    )
    expected = cv2.warpPerspective(picture(), homography, (128, 128))
    assert np.abs(view.sample(picture()).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("name", ["plumb_bob", "fisheye"])
@pytest.mark.parametrize("mirror", [False, True])
def test_distorted_sample_is_remap(name, mirror):
    view = VirtualCamera.from_region(
        CAMERAS[name], Region((450.0, 330.0), 140.0, -1.2), 128, mirror
    )
    u, v = np.meshgrid(np.arange(128.0), np.arange(128.0))
    maps = view.crop_to_image(np.stack([u, v], -1)).astype(np.float32)
    expected = cv2.remap(picture(), maps[..., 0], maps[..., 1], cv2.INTER_LINEAR)
    assert np.abs(view.sample(picture()).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("name", CAMERAS)
def test_large_regions_are_averaged_not_aliased(name):
    view = VirtualCamera.from_region(CAMERAS[name], Region((320.0, 240.0), 400.0, 0.2), 64)
    u, v = np.meshgrid(np.arange(640), np.arange(480))
    stripes = np.where((u + v) % 2, 255, 0).astype(np.uint8)[..., None].repeat(3, -1)
    assert view.shrink == 6
    assert np.abs(view.sample(stripes)[8:-8, 8:-8].astype(float) - 127.5).max() < 20
    # and it shows the right place: in a ramp, brightness is the coordinate.
    drawn = view.sample(np.stack([u, v], -1).astype(np.float32))
    place = view.crop_to_image(np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0)), -1))
    np.testing.assert_allclose(drawn[4:-4, 4:-4], place[4:-4, 4:-4], atol=0.3)


@pytest.mark.parametrize("ratio", [1.45, 1.5, 1.6, 1.99, 2.0, 2.2, 2.9, 2.99, 3.0, 3.99])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5])
@pytest.mark.parametrize(
    ("cycles", "low", "high"), [(0.1, 0.9, 1), (0.25, 0.65, 1), (0.6, 0, 0.5)]
)
def test_patterns_finer_than_the_crop_are_damped(ratio, phase, cycles, low, high):
    """Contrast of stripes of so many cycles a crop pixel, its Nyquist frequency being 0.5."""
    size, width = 96, int(ratio * 96 * 1.3) + 8
    middle = width / 2 + phase
    camera = Camera(4000.0, 4000.0, middle, middle, width, width)
    view = VirtualCamera.from_region(camera, Region((middle, middle), ratio * size), size)
    row = 127.5 + 100 * np.sin(2 * np.pi * cycles / ratio * np.arange(width))
    image = np.tile(row.astype(np.uint8)[None, :, None], (width, 1, 3))
    gain = view.sample(image)[..., 0].astype(float).std() * math.sqrt(2) / 100
    assert low <= gain <= high


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.29])
def test_small_hands_are_sampled_without_a_filter(ratio):
    region = Region((320.0, 240.0), 96 * ratio, 0.4)
    view = VirtualCamera.from_region(CAMERAS["pinhole"], region, 96)
    corners = np.array([[0, 0], [95, 0], [95, 95], [0, 95]], np.float32)
    homography = cv2.getPerspectiveTransform(
        view.crop_to_image(corners.astype(float)).astype(np.float32), corners
    )
    expected = cv2.warpPerspective(picture(), homography, (96, 96))
    assert (view.shrink, view.blur) == (1, 0.0)
    assert np.abs(view.sample(picture()).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("ratio", [1.31, 1.7, 2.6])
def test_filtered_crops_show_the_right_place(name, ratio):
    view = VirtualCamera.from_region(CAMERAS[name], Region((330.0, 230.0), 96 * ratio, 0.2), 96)
    assert view.blur > 0
    ramp = np.stack(np.meshgrid(np.arange(640), np.arange(480)), -1).astype(np.float32)
    place = view.crop_to_image(np.stack(np.meshgrid(np.arange(96.0), np.arange(96.0)), -1))
    np.testing.assert_allclose(view.sample(ramp), place, atol=0.2)


def test_the_filter_sets_in_little_by_little():
    ratios = np.linspace(1.2, 1.8, 121)
    crops = [
        VirtualCamera.from_region(CAMERAS["pinhole"], Region((320.0, 240.0), 96 * r), 96).blur
        for r in ratios
    ]
    assert max(np.abs(np.diff(crops))) < 0.01


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize(
    "region",
    [
        Region((-400.0, 200.0), 100.0),
        Region((320.0, 240.0), 3000.0),
        Region((639.0, 479.0), 2.0),
        Region((1e5, -1e5), 5000.0, 1.0),
    ],
)
def test_regions_anywhere_are_drawn(name, region):
    view = VirtualCamera.from_region(CAMERAS[name], region, 64)
    crop = view.sample(np.full((480, 640, 3), 200, np.uint8))
    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.uint8
    assert np.isfinite(view.rotation).all()


def test_beyond_the_image_is_black():
    view = VirtualCamera.from_region(CAMERAS["pinhole"], Region((0.0, 240.0), 100.0), 64)
    crop = view.sample(np.full((480, 640, 3), 200, np.uint8))
    assert crop[:, :30].max() == 0
    assert crop[:, 34:].min() == 200


def test_covariances_follow_the_points():
    view = VirtualCamera.from_region(
        CAMERAS["pinhole"], Region((450.0, 100.0), 90.0, 0.8), 128, True
    )
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    noise = np.random.default_rng(3).multivariate_normal((0, 0), covariance, 200_000)
    seen = np.cov(view.rays(np.array([60.0, 70.0]) + noise).T)
    np.testing.assert_allclose(view.ray_covariance(covariance), seen, rtol=0.03)
    spread = np.diag([1.0, 4.0, 9.0])
    rotated = view.covariance_to_camera(spread)
    axis = view.to_camera(np.array([0.0, 0.0, 1.0]))
    assert axis @ rotated @ axis == pytest.approx(9.0)


def test_another_images_size_is_named():
    view = VirtualCamera.from_region(CAMERAS["pinhole"], Region((320.0, 240.0), 90.0), 64)
    with pytest.raises(ValueError, match="320 x 240 px, its camera 640 x 480"):
        view.sample(np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(ValueError, match="at least 2"):
        VirtualCamera.from_region(CAMERAS["pinhole"], Region((320.0, 240.0), 90.0), 1)
