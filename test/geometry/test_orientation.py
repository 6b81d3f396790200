"""Images turned upright and their cameras with them: a point stays on its pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.orientation import swaps_sides, turn_camera, turn_image, undo

LENSES = {
    "none": ("plumb_bob", ()),
    "plumb_bob": ("plumb_bob", (-0.1, 0.02, 0.01, -0.005, 0.003)),
    "rational": ("rational_polynomial", (0.1, -0.05, 0.004, -0.003, 0.01, 0.02, 0.01, 0.0,
                                         0.002, -0.001, 0.003, 0.001)),
    "equidistant": ("equidistant", (0.01, -0.02, 0.003, 0.001)),
}  # fmt: skip
# What a scene's axes become where its image is turned.
AXES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
    5: (0, 1, 1, 0), 6: (0, -1, 1, 0), 7: (0, -1, -1, 0), 8: (0, 1, -1, 0),
}  # fmt: skip


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("orientation", range(1, 9))
@given(x=st.floats(-0.4, 0.4), y=st.floats(-0.3, 0.3), z=st.floats(0.2, 3.0))
def test_a_point_stays_on_its_pixel(lens, orientation, x, y, z):
    model, coefficients = LENSES[lens]
    camera = Camera(300.0, 310.0, 170.0, 105.0, 320, 240, coefficients, model)
    turned = turn_camera(camera, orientation)
    a, b, c, d = AXES[orientation]
    u, v = camera.project(np.array([x * z, y * z, z]))
    width, height = camera.width - 1, camera.height - 1
    at_x = {(1, 0): u, (-1, 0): width - u, (0, 1): v, (0, -1): height - v}[a, b]
    at_y = {(1, 0): u, (-1, 0): width - u, (0, 1): v, (0, -1): height - v}[c, d]
    seen = turned.project(np.array([(a * x + b * y) * z, (c * x + d * y) * z, z]))
    np.testing.assert_allclose(seen, (at_x, at_y), atol=1e-9)
    assert (turned.width, turned.height) == ((240, 320) if orientation > 4 else (320, 240))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_turns_as_its_camera(orientation):
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)  # 3 px wide, 2 high
    camera = Camera(1.0, 1.0, 2.0, 0.0, 3, 2)  # looks at the pixel with a 2
    turned, at = turn_image(image, orientation), turn_camera(camera, orientation)
    assert turned[int(at.cy), int(at.cx)] == 2
    assert swaps_sides(orientation) == (turned.shape == (3, 2))
    np.testing.assert_array_equal(turn_image(turned, undo(orientation)), image)


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_no_orientation(orientation):
    with pytest.raises(ValueError, match="from 1 to 8, got"):
        turn_image(np.zeros((2, 2)), orientation)
