"""Regions: where they lie, how they rotate, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.geometry.roi import (
    Region,
    center_distance,
    hand_angle,
    region_iou,
    same_crop,
)


def open_hand() -> np.ndarray:
    """An open hand that points up in the image, wrist at (200, 300), 150 px long."""
    points = np.zeros((21, 2))
    points[0] = (200, 300)
    points[1:5] = [(180, 285), (165, 265), (155, 245), (150, 230)]
    for i, x in enumerate((185, 200, 213, 225)):
        points[5 + 4 * i : 9 + 4 * i] = [(x, 220), (x, 190), (x, 170), (x, 150)]
    return points


def rotated(points: np.ndarray, angle: float) -> np.ndarray:
    """Rotate clockwise as seen (y down), about the wrist."""
    c, s = math.cos(angle), math.sin(angle)
    return (points - points[0]) @ np.array([[c, s], [-s, c]]) + points[0]


@pytest.mark.parametrize(
    ("points_to", "angle"),
    [((0, -1), 0.0), ((1, 0), math.pi / 2), ((0, 1), math.pi), ((-1, 0), -math.pi / 2)],
)
def test_angle_is_clockwise_from_up(points_to, angle):
    points = np.zeros((21, 2))
    points[[5, 9, 13]] = points_to
    assert math.cos(hand_angle(points) - angle) == pytest.approx(1.0)


@given(angle=st.floats(-3.1, 3.1), scale=st.floats(0.2, 5.0), x=st.floats(-500, 500))
@settings(max_examples=60)
def test_region_turns_scales_and_moves_with_the_hand(angle, scale, x):
    first = Region.from_keypoints(open_hand())
    shift = np.array([x, 40.0])
    moved = Region.from_keypoints(rotated(open_hand(), angle) * scale + shift)
    assert moved.size == pytest.approx(first.size * scale)
    assert math.cos(moved.angle - first.angle - angle) == pytest.approx(1.0)
    expected = rotated(np.array([open_hand()[0], first.center]), angle)[1] * scale + shift
    np.testing.assert_allclose(moved.center, expected, atol=1e-6 * max(1.0, abs(x)))


@given(
    angle=st.floats(-3.1, 3.1),
    unseen=st.sets(st.integers(0, 20), min_size=1, max_size=3),
)
@settings(max_examples=80)
def test_keypoints_beyond_the_lens_are_left_out(angle, unseen):
    hand = rotated(open_hand(), angle)
    whole = Region.from_keypoints(hand)
    hand[list(unseen)] = np.nan
    part = Region.from_keypoints(hand)
    assert part.size <= whole.size * (1 + 1e-9) or {0, 5, 9, 13} & unseen
    assert 0.6 < part.size / whole.size < 1.1
    assert center_distance(part, whole) < 0.25
    assert math.cos(part.angle - whole.angle) > math.cos(0.35)


@pytest.mark.parametrize(
    ("unseen", "refused"),
    [((0, 1, 2, 3, 4), False), ((5, 9, 13, 17), False), (range(12), True), (range(1, 15), True)],
)
def test_half_of_the_stable_keypoints_make_a_region(unseen, refused):
    hand = open_hand()
    hand[list(unseen)] = np.nan
    if refused:
        with pytest.raises(ValueError, match="finite ones"):
            Region.from_keypoints(hand)
    else:
        assert Region.from_keypoints(hand).angle == pytest.approx(0.0, abs=0.1)


def test_region_does_not_collapse_on_a_fist():
    hand = open_hand()
    fist = hand.copy()
    for base in (5, 9, 13, 17):  # the fingers fold: tips come back to the palm
        fist[base + 2] = hand[base] + (0, 5)
        fist[base + 3] = hand[base] + (0, 20)
    assert Region.from_keypoints(fist).size == pytest.approx(Region.from_keypoints(hand).size)


def test_region_holds_the_open_hand():
    region = Region.from_keypoints(open_hand())
    half = region.size / 2
    assert (np.abs(open_hand() - region.center) < half).all()


def test_from_box_is_the_square_around_it():
    region = Region.from_box((10, 20, 100, 40), angle=0.3, margin=1.5)
    assert region == Region((60.0, 40.0), 150.0, 0.3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Region((0, 0), 0.0),
        lambda: Region((0, 0), -3.0),
        lambda: Region((math.nan, 0), 10.0),
        lambda: Region((0, 0), 10.0, math.inf),
        lambda: Region.from_keypoints(np.full((21, 2), np.nan)),
        lambda: Region.from_keypoints(np.ones((21, 2))),
        lambda: Region.from_box((0, 0, 0, 0)),
    ],
)
def test_what_is_no_region_is_refused(make):
    with pytest.raises(ValueError, match="region"):
        make()


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        (Region((0, 0), 2), Region((0, 0), 2), 1.0),
        (Region((0, 0), 2), Region((1, 0), 2), 1 / 3),
        (Region((0, 0), 2), Region((2, 0), 2), 0.0),
        (Region((0, 0), 4), Region((0, 0), 2), 0.25),
        (Region((0, 0), 4), Region((9, 9), 2), 0.0),
    ],
)
def test_region_iou(a: Region, b: Region, iou: float) -> None:
    assert region_iou(a, b) == pytest.approx(iou)
    assert region_iou(b, a) == pytest.approx(iou)


def test_center_distance_is_in_units_of_the_larger() -> None:
    assert center_distance(Region((0, 0), 10), Region((3, 4), 5)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("moved", "same"),
    [(Region((5.9, 0.0), 100.0), True), (Region((0.0, 6.1), 100.0), False),
     (Region((0.0, 0.0), 105.9), True), (Region((0.0, 0.0), 93.9), False),
     (Region((0.0, 0.0), 100.0, math.radians(6.9)), True),
     (Region((0.0, 0.0), 100.0, math.radians(-7.1)), False),
     (Region((0.0, 0.0), 100.0, math.tau - math.radians(6.9)), True)],
)  # fmt: skip
def test_a_crop_stays_within_6_percent_and_7_degrees(moved: Region, same: bool):
    assert same_crop(Region((0.0, 0.0), 100.0), moved) == same
