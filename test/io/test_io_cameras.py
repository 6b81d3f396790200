"""The camera of images without CameraInfo: files, focal lengths, fields of view, turned images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.distortion import known_lens
from hand_pose_25d.geometry.orientation import turn_camera
from hand_pose_25d.io.cameras import CameraDescription

K = [500.0, 0.0, 330.0, 0.0, 505.0, 250.0, 0.0, 0.0, 1.0]
FIVE = [0.1, -0.2, 0.01, 0.02, 0.05]


def calibration(path: Path, model: str = "plumb_bob", d: list[float] = FIVE) -> Path:
    path.write_text(
        "image_width: 640\nimage_height: 480\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: {K}}}\n"
        f"distortion_model: {model}\n"
        f"distortion_coefficients: {{rows: 1, cols: {len(d)}, data: {d}}}\n"
    )
    return path


LENSES = [
    ("plumb_bob", FIVE, ("plumb_bob", tuple(FIVE))),
    ("plumb_bob", FIVE[:4], ("plumb_bob", tuple(FIVE[:4]))),
    ("plumb_bob", [0.0] * 5, ("plumb_bob", ())),
    ("plumb_bob", [*FIVE, 0.0, 0.0, 0.0], ("plumb_bob", tuple(FIVE))),
    ("plumb_bob", [0.01] * 8, ("rational_polynomial", (0.01,) * 8)),
    ("rational_polynomial", [0.01] * 8, ("rational_polynomial", (0.01,) * 8)),
    ("rational_polynomial", FIVE, ("rational_polynomial", (*FIVE, 0.0, 0.0, 0.0))),
    ("rational_polynomial", [0.01] * 8 + [0.0] * 6,
     ("rational_polynomial", (0.01,) * 8 + (0.0,) * 4)),
    ("equidistant", [0.01, 0.02, 0.0, 0.0], ("equidistant", (0.01, 0.02, 0.0, 0.0))),
    ("equidistant", [0.0] * 4, ("equidistant", (0.0,) * 4)),
    ("fisheye", [0.01, 0.02, 0.0, 0.0], ("equidistant", (0.01, 0.02, 0.0, 0.0))),
    ("kannala_brandt4", [0.01, 0.02, 0.0, 0.0], ("equidistant", (0.01, 0.02, 0.0, 0.0))),
    ("none", [0.0] * 5, ("plumb_bob", ())),
    ("", [], ("plumb_bob", ())),
]  # fmt: skip


@pytest.mark.parametrize(("model", "coefficients", "expected"), LENSES)
def test_lenses_as_drivers_write_them(tmp_path, model, coefficients, expected):
    assert known_lens(model, coefficients) == expected
    camera = Camera.from_yaml(calibration(tmp_path / "c.yaml", model or "''", coefficients))
    assert (camera.model, camera.distortion) == expected


@pytest.mark.parametrize(
    ("model", "coefficients", "words"),
    [("magic", [0.1], "unknown distortion model 'magic'; known: plumb_bob, .*fisheye"),
     ("plumb_bob", [0.1, 0.2], "takes 0, 4 or 5 coefficients, got 2"),
     ("equidistant", [0.1], "takes 0, 4 coefficients, got 1")],
)  # fmt: skip
def test_lenses_that_are_none(tmp_path, model, coefficients, words):
    path = calibration(tmp_path / "c.yaml", model, coefficients)
    with pytest.raises(ValueError, match=words) as caught:
        CameraDescription(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_calibration_turns_with_its_image(tmp_path, orientation):
    described = CameraDescription(calibration(tmp_path / "c.yaml"))
    size = (480, 640) if orientation > 4 else (640, 480)
    expected = turn_camera(Camera.from_yaml(tmp_path / "c.yaml"), orientation)
    assert described.camera(*size, orientation) == expected
    half = described.camera(size[0] // 2, size[1] // 2, orientation)
    assert (half.width, half.height, half.fx) == (size[0] // 2, size[1] // 2, expected.fx / 2)


def test_a_calibration_of_upright_images_is_taken_as_it_is(tmp_path):
    described = CameraDescription(calibration(tmp_path / "c.yaml"))
    assert described.camera(640, 480, 6) == Camera.from_yaml(tmp_path / "c.yaml")
    with pytest.raises(ValueError, match="640 x 480 px, the images are 640 x 360: other prop"):
        described.camera(640, 360)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (500, 500)])
def test_the_field_of_view_belongs_to_the_longer_side(size):
    camera = CameraDescription(field_of_view=90.0).camera(*size)
    assert camera.fx == camera.fy == pytest.approx(max(size) / 2)
    edge = np.array([max(size) / 2, 0.0]) if size[0] >= size[1] else np.array([0.0, size[1] / 2])
    middle = np.array([camera.cx, camera.cy])
    np.testing.assert_allclose(np.abs(camera.rays(middle + edge)).max(), 1.0)


def test_the_first_that_is_given_counts(tmp_path):
    path = calibration(tmp_path / "c.yaml")
    assert CameraDescription(path, 900.0, 10.0).camera(640, 480).fx == 500.0
    assert CameraDescription(None, 900.0, 10.0).camera(640, 480).fx == 900.0


@pytest.mark.parametrize("degrees", [0.0, 180.0, -5.0, float("nan")])
def test_fields_of_view_that_are_none(degrees):
    with pytest.raises(ValueError, match="1 to 170 degrees"):
        CameraDescription(field_of_view=degrees)


def test_a_missing_file_is_named_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.yaml"):
        CameraDescription(tmp_path / "none.yaml")
    assert isinstance(CameraDescription().camera(64, 48), Camera)
