"""Camera: rays and pixels against OpenCV, ROI and binning against the images they come from."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.geometry.camera import Camera

LENSES = [
    ("plumb_bob", ()),
    ("plumb_bob", (-0.28, 0.07, 1e-3, -8e-4)),
    ("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, 0.02)),
    ("plumb_bob", (0.12, 0.03, -1e-3, 5e-4, 0.01)),
    ("rational_polynomial", (0.5, 0.1, 1e-3, 5e-4, 0.02, 0.8, 0.2, 0.03)),
    ("rational_polynomial", (4.2, 1.9, 2e-4, -1e-4, 0.08, 4.5, 3.1, 0.45)),
    ("rational_polynomial", (0.5, 0.1, 1e-3, 5e-4, 0.02, 0.8, 0.2, 0.03, 1e-3, 2e-3, -1e-3, 5e-4)),
    ("equidistant", (0.0, 0.0, 0.0, 0.0)),
    ("equidistant", (0.05, -0.01, 4e-3, -1e-3)),
    ("equidistant", (-0.02, 3e-3, -2e-3, 4e-4)),
]


def camera(model: str = "plumb_bob", distortion: tuple = (), focal: float = 300.0) -> Camera:
    return Camera(focal, focal * 1.02, 325.3, 236.7, 640, 480, distortion, model)


def opencv_project(cam: Camera, points: np.ndarray) -> np.ndarray:
    zero = np.zeros(3)
    if cam.model == "equidistant":
        k = np.array(cam.distortion)
        return cv2.fisheye.projectPoints(points[:, None], zero, zero, cam.K, k)[0][:, 0]
    return cv2.projectPoints(points, zero, zero, cam.K, np.array(cam.distortion))[0][:, 0]


def grid(cam: Camera) -> np.ndarray:
    u, v = np.meshgrid(np.linspace(0, cam.width - 1, 33), np.linspace(0, cam.height - 1, 25))
    return np.stack([u, v], -1)


@pytest.mark.parametrize(("model", "distortion"), LENSES)
def test_rays_come_back_through_opencv(model, distortion):
    cam = camera(model, distortion)
    pixels = grid(cam)
    rays = cam.rays(pixels)
    assert rays.shape == pixels.shape
    assert np.isfinite(rays).all()
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], -1) * 0.7
    back = opencv_project(cam, points.reshape(-1, 3)).reshape(pixels.shape)
    assert np.abs(back - pixels).max() < 1e-6
    assert np.abs(cam.project(points) - pixels).max() < 1e-6


@pytest.mark.parametrize(("model", "distortion"), LENSES)
def test_project_equals_opencv(model, distortion):
    cam = camera(model, distortion)
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.5, -0.4, 0.6], [0.5, 0.4, 2.0], (500, 3))
    np.testing.assert_allclose(cam.project(points), opencv_project(cam, points), atol=1e-9)


@given(
    k1=st.floats(-0.35, 0.3),
    k2=st.floats(-0.05, 0.1),
    p1=st.floats(-3e-3, 3e-3),
    p2=st.floats(-3e-3, 3e-3),
    u=st.floats(0, 639),
    v=st.floats(0, 479),
)
@settings(max_examples=150)
def test_any_lens_gives_the_ray_or_says_that_there_is_none(k1, k2, p1, p2, u, v):
    cam = camera(distortion=(k1, k2, p1, p2))
    ray = cam.rays(np.array([u, v]))
    if np.isfinite(ray).all():
        assert np.abs(cam.project(np.append(ray, 1.0)) - (u, v)).max() < 1e-6
    else:  # only where the polynomial has folded back
        r = np.linspace(0, 3, 3001)
        reach = np.max(r * (1 + k1 * r**2 + k2 * r**4)[: len(r)])
        limit = r[np.argmax(np.diff(r * (1 + k1 * r**2 + k2 * r**4)) <= 0)]
        assert limit > 0
        assert np.hypot((u - cam.cx) / cam.fx, (v - cam.cy) / cam.fy) > 0.9 * min(
            reach, limit * (1 + k1 * limit**2 + k2 * limit**4)
        )


@pytest.mark.parametrize("point", [(0, 0, -1.0), (0.1, 0.1, 0.0), (np.nan, 0, 1.0)])
def test_points_not_before_the_camera_have_no_pixel(point):
    for model, distortion in LENSES:
        assert np.isnan(camera(model, distortion).project(np.array(point))).any()


def test_folded_radii_are_nan_not_a_second_image():
    cam = camera(distortion=(-0.4, 0.0, 0.0, 0.0))  # folds back at r = 0.913
    assert np.isfinite(cam.project(np.array([0.90, 0, 1.0]))).all()
    assert np.isnan(cam.project(np.array([0.95, 0, 1.0]))).all()
    assert np.isnan(cam.rays(np.array([cam.cx + 0.62 * cam.fx, cam.cy]))).all()
    assert np.isfinite(cam.rays(np.array([cam.cx + 0.60 * cam.fx, cam.cy]))).all()


def test_roi_is_the_cut_out():
    cam = camera("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, 0.02))
    roi = cam.with_roi(100, 50, 320, 200)
    assert (roi.width, roi.height) == (320, 200)
    pixels = np.array([[10.0, 20.0], [300.5, 180.25]])
    np.testing.assert_allclose(roi.rays(pixels), cam.rays(pixels + (100, 50)), atol=1e-12)


@pytest.mark.parametrize(("bx", "by"), [(1, 1), (2, 2), (4, 2), (0, 0)])
def test_binning_is_the_image_of_blocks(bx, by):
    cam = camera(focal=400.0)
    binned = cam.with_binning(bx, by)
    nx, ny = max(bx, 1), max(by, 1)
    assert (binned.width, binned.height) == (640 // nx, 480 // ny)
    # The centre of the first block, in unbinned pixels, is the binned pixel (0, 0).
    centre = np.array([(nx - 1) / 2, (ny - 1) / 2])
    np.testing.assert_allclose(binned.rays(np.zeros(2)), cam.rays(centre), atol=1e-12)
    # A gradient, averaged over blocks: the same point has the same brightness.
    u = np.arange(640.0)[None].repeat(480, 0)
    blocks = u.reshape(480 // ny, ny, 640 // nx, nx).mean((1, 3))
    point = np.array([0.11, -0.2, 0.8])
    brightness = np.interp(binned.project(point)[0], np.arange(640 // nx), blocks[0])
    assert brightness == pytest.approx(cam.project(point)[0])


def test_roi_then_binning_as_camera_info_orders_them():
    cam = camera(focal=400.0)
    both = cam.with_roi(64, 32, 400, 320).with_binning(2, 2)
    assert (both.width, both.height) == (200, 160)
    point = np.array([0.05, 0.02, 0.6])
    u, v = cam.project(point)
    expected = ((u - 64 + 0.5) / 2 - 0.5, (v - 32 + 0.5) / 2 - 0.5)
    np.testing.assert_allclose(both.project(point), expected)


def test_scaled_is_cv2_resize():
    cam = camera(focal=400.0)
    half = cam.scaled(0.5)
    image = np.arange(640, dtype=np.float32)[None].repeat(480, 0)
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    point = np.array([0.1, 0.1, 0.9])
    brightness = np.interp(half.project(point)[0], np.arange(320), small[0])
    assert brightness == pytest.approx(cam.project(point)[0], abs=1e-3)


def test_from_matrix_and_back():
    cam = camera("equidistant", (0.1, 0, 0, 0))
    again = Camera.from_matrix(cam.K, 640, 480, np.array([0.1, 0, 0, 0]), "equidistant")
    assert again == cam
    assert camera().is_distorted is False
    assert camera("plumb_bob", (0.0,) * 5).is_distorted is False
    assert camera("equidistant", (0.0,) * 4).is_distorted is True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fx": 0.0}, "fx=0.0"),
        ({"fy": float("nan")}, "fy=nan"),
        ({"cx": float("inf")}, "cx=inf"),
        ({"width": 0}, "0 x 480"),
        ({"model": "kb4"}, "plumb_bob, rational_polynomial, equidistant"),
        ({"distortion": (0.1, 0.2, 0.3)}, "4 or 5"),
        ({"distortion": (0.1, 0.2, 0.3, float("nan"))}, "finite"),
        ({"distortion": (0.1,) * 5, "model": "equidistant"}, "got 5"),
    ],
)
def test_wrong_calibrations_are_named(change, words):
    values = {"fx": 500.0, "fy": 500.0, "cx": 320.0, "cy": 240.0, "width": 640, "height": 480}
    with pytest.raises(ValueError, match=words):
        Camera(**{**values, **change})


@pytest.mark.parametrize(
    ("degrees", "width", "height", "focal"),
    [(90, 640, 480, 320.0), (90, 480, 640, 320.0), (60.0, 1000, 10, 500 * 3**0.5)],
)
def test_a_field_of_view_belongs_to_the_longer_side(degrees, width, height, focal):
    camera = Camera.from_field_of_view(degrees, width, height)
    assert (camera.fx, camera.fy) == pytest.approx((focal, focal))
    assert (camera.cx, camera.cy) == ((width - 1) / 2, (height - 1) / 2)
    assert (camera.width, camera.height, camera.is_distorted) == (width, height, False)


@pytest.mark.parametrize("degrees", [0, 180, float("nan"), True])
def test_what_is_no_field_of_view_is_named(degrees):
    with pytest.raises(ValueError, match=f"1 to 170 degrees, got {degrees}"):
        Camera.from_field_of_view(degrees, 640, 480)


def test_a_ros_calibration_file_makes_a_camera(tmp_path):
    path = tmp_path / "head.yaml"
    path.write_text(
        "image_width: 640\nimage_height: 480\n"
        "camera_matrix: {rows: 3, cols: 3, data: [610, 0, 321, 0, 611, 238, 0, 0, 1]}\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.001, 0.002, 0.0]}\n"
    )
    expected = Camera(610, 611, 321, 238, 640, 480, (0.1, -0.2, 0.001, 0.002, 0.0))
    assert Camera.from_yaml(path) == Camera.from_yaml(str(path)) == expected
    with pytest.raises(FileNotFoundError, match="absent"):
        Camera.from_yaml(tmp_path / "absent.yaml")
    path.write_text("image_width: 640\n")
    with pytest.raises(ValueError, match="head.yaml: the key 'camera_matrix' is missing"):
        Camera.from_yaml(path)
