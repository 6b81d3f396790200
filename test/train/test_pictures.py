"""Bones on crops, and grids of tiles."""

import numpy as np
import pytest

from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS
from hand_pose_25d_train.pictures import draw_bones, grid


def test_bones_are_drawn_in_their_colours():
    uv = np.full((21, 2), np.nan)
    start, end = BONES[5]
    uv[start], uv[end] = (10, 20), (50, 20)
    image = draw_bones(np.zeros((60, 60, 3), np.uint8), uv)
    assert image[20, 30].tolist() == KEYPOINT_COLORS[end].tolist()
    rows, columns = np.nonzero(image.any(-1))
    assert (rows.min(), rows.max()) >= (18, 20) and rows.max() <= 22
    assert columns.min() >= 8 and columns.max() <= 52


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e12, -1e12])
def test_points_far_away_do_no_harm(value):
    uv = np.full((21, 2), 30.0)
    uv[4] = value
    assert draw_bones(np.zeros((60, 60, 3), np.uint8), uv).shape == (60, 60, 3)


@pytest.mark.parametrize(("count", "columns", "shape"), [(1, 3, (4, 15)), (7, 3, (12, 15))])
def test_grid_fills_its_last_row(count, columns, shape):
    tiles = [np.full((4, 5, 3), i + 1, np.uint8) for i in range(count)]
    picture = grid(tiles, columns)
    assert picture.shape == (*shape, 3)
    assert (picture == 0).mean() == pytest.approx(1 - count * 20 / (shape[0] * shape[1]))
    assert picture[0, 0, 0] == 1


def test_a_grid_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one tile"):
        grid([], 3)
