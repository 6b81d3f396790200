"""Catmull-Clark steps and meshes that are subdivided in parts."""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.render.body.subdivision import adaptive_triangles, catmull_clark

CUBE = np.array(
    [[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
)
CORNERS = np.array(
    [
        [-1, -1, -1],
        [1, -1, -1],
        [1, 1, -1],
        [-1, 1, -1],
        [-1, -1, 1],
        [1, -1, 1],
        [1, 1, 1],
        [-1, 1, 1],
    ],
    dtype=float,
)


def test_catmull_clark_of_a_cube():
    matrix, quads = catmull_clark(CUBE, 8)
    fine = matrix @ CORNERS
    assert fine.shape == (8 + 12 + 6, 3) and len(quads) == 24
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)
    # Catmull and Clark's rule by hand: corner (F + 2 E) / 3 with F = 1/3, E = 2/3 of it; 5/9.
    np.testing.assert_allclose(fine[:8], CORNERS * 5 / 9, atol=1e-6)
    np.testing.assert_allclose(np.abs(fine[20:]).max(1), 1, atol=1e-6)


def test_catmull_clark_keeps_texture_corners_when_linear():
    matrix, _ = catmull_clark(CUBE, 8, linear=True)
    np.testing.assert_allclose((matrix @ CORNERS)[:8], CORNERS)


def test_adaptive_triangles_are_closed_where_fine_meets_coarse() -> None:
    """A cube of which one face is subdivided: every edge has two triangles, none is lost."""
    cube = np.array(
        [[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
    )
    fine = catmull_clark(cube, 8)[1]
    for refined, count in (((0, 0, 0, 0, 0, 0), 12), ((1, 1, 1, 1, 1, 1), 48)):
        assert len(adaptive_triangles(fine, fine, np.array(refined, bool))) == count
    triangles = adaptive_triangles(fine, fine, np.arange(6) == 0)
    assert len(triangles) == 8 + 2 + 4 * 5
    edges = np.stack([triangles, np.roll(triangles, -1, 1)], 2).reshape(-1, 2)
    forward = {tuple(edge) for edge in edges.tolist()}
    assert len(forward) == len(edges) and forward == {(b, a) for a, b in forward}
