"""Pictures: what is drawn where, and that nothing breaks at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from dot_hands import make_hand
from seen_hands import hand_pose

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.landmarks import lost_hand
from hand_pose_25d.skeleton import BONES, FINGER_COLORS
from hand_pose_25d.visualization.draw_2d import (
    GREY,
    INK,
    contact_sheet,
    draw_hands,
    fit,
    rounded_box,
    text,
)


def test_bones_have_their_fingers_colours_and_the_rest_is_untouched():
    hand = hand_pose(make_hand())
    image = np.full((480, 640, 3), 90, dtype=np.uint8)
    picture = draw_hands(image, [hand], labels=False)
    assert (image == 90).all() and picture.shape == image.shape and picture.dtype == np.uint8
    for parent, child in BONES:
        u, v = np.round((hand.keypoints_2d[parent] + hand.keypoints_2d[child]) / 2).astype(int)
        color = list(FINGER_COLORS.values())[(child - 1) // 4]
        assert np.abs(picture[v, u].astype(int) - color).max() < 40, (parent, child)
    x, y, w, h = (round(v) for v in hand.box)
    outside = np.ones((480, 640), dtype=bool)
    outside[y - 12 : y + h + 12, x - 12 : x + w + 12] = False
    assert (picture[outside] == 90).all()


def test_the_unsure_fade_and_may_be_left_out():
    sure = hand_pose(make_hand())
    unsure = hand_pose(make_hand(), confidence=np.full(21, 0.05))
    image = np.full((480, 640, 3), 90, dtype=np.uint8)
    strength = [
        np.abs(draw_hands(image, [h], labels=False).astype(int) - 90).sum() for h in (sure, unsure)
    ]
    assert strength[1] < 0.8 * strength[0]
    np.testing.assert_array_equal(
        draw_hands(image, [unsure], labels=False, min_confidence=0.1), image
    )


@pytest.mark.parametrize(
    "keypoints",
    [make_hand((0.4, 0.0, 0.5)), make_hand((0.0, 0.6, 0.6)), make_hand((-3.0, 0.0, 0.5)),
     make_hand((0.0, 0.0, 0.1)), make_hand((0.0, 0.0, 30.0))],
    ids=["right edge", "bottom", "outside", "huge", "tiny"],
)  # fmt: skip
def test_any_place_can_be_drawn(keypoints):
    picture = draw_hands(np.zeros((480, 640, 3), np.uint8), [hand_pose(keypoints)])
    assert picture.shape == (480, 640, 3)


def test_labels_are_inside_the_picture():
    image = np.zeros((480, 640, 3), np.uint8)
    hand = hand_pose(make_hand((0.0, -0.1, 0.5)), track_id=7)
    plain, labelled = (draw_hands(image, [hand], labels=on) for on in (False, True))
    changed = np.flatnonzero((plain != labelled).any((1, 2)))
    assert changed.size > 5 and changed[0] >= 0


def test_labels_side_by_side_do_not_cover_each_other():
    image = np.zeros((480, 640, 3), np.uint8)
    near = [hand_pose(make_hand((x, 0.05, 0.6)), track_id=i + 1) for i, x in enumerate((0, 0.06))]

    def inked(hands):  # rows with much of a label's light text
        changed = draw_hands(image, hands) != draw_hands(image, hands, labels=False)
        return int((changed.any(-1).sum(1) > 60).sum())

    assert inked(near) > 1.7 * inked(near[:1])


def test_a_lost_hand_is_an_empty_box_and_nan_draws_nothing():
    image = np.zeros((480, 640, 3), np.uint8)
    lost = lost_hand(Region((320.0, 240.0), 125.0), 0.9)
    picture = draw_hands(image, [lost])
    assert np.abs(picture[240, 270].astype(int) - GREY).max() < 30
    assert (picture[240, 320] == 0).all()
    unknown = hand_pose(make_hand(), keypoints_2d=np.full((21, 2), np.nan), box=(np.nan,) * 4)
    np.testing.assert_array_equal(draw_hands(image, [unknown]), image)


def test_an_empty_image_of_one_pixel():
    assert draw_hands(np.zeros((1, 1, 3), np.uint8), [hand_pose(make_hand())]).shape == (1, 1, 3)


def test_contact_sheet_lays_out_rows():
    tiles = [np.full((40, 60, 3), 50 + 20 * i, np.uint8) for i in range(5)]
    sheet = contact_sheet(tiles, 2, gap=4)
    assert sheet.shape == (3 * 44 + 4, 2 * 64 + 4, 3)
    for i in range(5):
        y, x = 4 + (i // 2) * 44, 4 + (i % 2) * 64
        assert (sheet[y : y + 40, x : x + 60] == 50 + 20 * i).all()
    assert (sheet[-5, -5] == INK).all()
    assert contact_sheet(tiles, 2, ["a"] * 5).shape[0] > sheet.shape[0]


@pytest.mark.parametrize(
    ("tiles", "columns", "captions", "message"),
    [([], 2, None, "pictures"), ([np.zeros((4, 4, 3), np.uint8)], 0, None, "columns"),
     ([np.zeros((4, 4, 3), np.uint8)], 1, ["a", "b"], "captions")],
)  # fmt: skip
def test_wrong_sheets_are_named(tiles, columns, captions, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet(tiles, columns, captions)


@pytest.mark.parametrize(("shape", "width", "height"), [((50, 100), 80, 80), ((200, 50), 80, 60)])
def test_fit_keeps_proportions(shape, width, height):
    canvas = fit(np.full((*shape, 3), 255, np.uint8), width, height)
    assert canvas.shape == (height, width, 3)
    ys, xs = np.nonzero((canvas > 200).all(-1))
    ratio = (np.ptp(xs) + 1) / (np.ptp(ys) + 1)
    assert ratio == pytest.approx(shape[1] / shape[0], rel=0.1)
    assert np.ptp(xs) + 1 == width or np.ptp(ys) + 1 == height


def test_boxes_and_text_are_cut_off_at_the_edges():
    canvas = np.zeros((30, 40, 3), np.uint8)
    rounded_box(canvas, (-10, -10), (25, 25), (200, 100, 0), 4, opacity=1.0)
    assert (canvas[2, 2] == (200, 100, 0)).all() and (canvas[20, 20] == 0).all()
    rounded_box(canvas, (50, 50), (10, 10), (255, 255, 255), 2)
    width, height = text(canvas, "abc", (35, 25), height=10, background=INK)
    assert width > 10 and height == 20
