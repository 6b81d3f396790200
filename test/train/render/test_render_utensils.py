"""Cutlery, pens and phones: their solids, and that fingers are on them and not in them."""

from __future__ import annotations

import numpy as np
import pytest
from rendering import assert_others_do_not_change, painted_shots, painter_or_skip

from hand_pose_25d_train.render.body.kinematics import pads
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.gl.drawables import Material
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.pose.grips import GRIPS, sample_use
from hand_pose_25d_train.render.pose.utensils import (
    HANDLES,
    NECK,
    UTENSILS,
    Utensil,
)
from hand_pose_25d_train.render.scene.crops import place_hand
from hand_pose_25d_train.render.scene.cutlery import cutlery_solid
from hand_pose_25d_train.render.scene.instance import MIRROR, instantiate
from hand_pose_25d_train.render.scene.objects import held_mesh
from hand_pose_25d_train.render.scene.scenes import render_scene
from hand_pose_25d_train.render.scene.shot import OBJECT

TOUCH = 3.0
"""Millimetres from the flesh's surface within which a finger touches."""


def gaps(name: str, grip: str) -> dict[str, np.ndarray]:
    """Of some hands, mm: from the pads of thumb and index and from the deepest flesh to the
    handle, and how many fingers touch it."""
    found: dict[str, list[float]] = {"thumb": [], "index": [], "deepest": [], "touching": []}
    for seed in range(10):
        shape = hand_shape(seed)
        pose = sample_use(shape, np.random.default_rng(seed), name, grip)
        assert isinstance(pose.held, Utensil) and pose.held.name == name
        assert np.linalg.det(pose.held.rotation) == pytest.approx(1)
        centre, _ = pads(shape, pose.joints[None], pose.rotations[None])
        points, radii = thumb.flesh(shape, pose.joints[None])
        flesh = pose.held.distance(points[0]) - radii
        found["thumb"].append(1000 * pose.held.distance(centre[0, 0]))
        found["index"].append(1000 * pose.held.distance(centre[0, 1]))
        found["deepest"].append(1000 * flesh.min())
        found["touching"].append((1000 * flesh[:28].reshape(4, 7).min(1) < TOUCH).sum())
    return {key: np.array(value) for key, value in found.items()}


@pytest.mark.parametrize(
    ("name", "grip"), [(name, grip) for name, grips in GRIPS.items() for grip in grips]
)
def test_fingers_are_on_what_they_hold(name: str, grip: str) -> None:
    found = gaps(name, grip)
    assert np.median(found["deepest"]) > -7 and found["deepest"].min() > -12
    if grip == "three":
        assert np.abs(found["thumb"]).max() < 4 and np.abs(found["index"]).max() < 4
        assert np.mean(found["touching"] >= 2) >= 0.5  # the middle finger, too
    elif grip == "along":
        assert np.abs(found["thumb"]).max() < 10 and np.median(np.abs(found["index"])) < 5
        assert found["touching"].min() >= 1 and found["touching"].mean() > 1.8
    else:
        assert found["touching"].min() >= 3


@pytest.mark.parametrize("kind", list(HANDLES))
def test_cutlery_fills_its_box_and_has_its_handle(kind: str) -> None:
    vertices, normals, uv, triangles = cutlery_solid(kind)
    low, high = vertices.min(0), vertices.max(0)
    np.testing.assert_allclose(low[:2], -1, atol=0.05)
    np.testing.assert_allclose(high[:2], 1, atol=0.05)
    assert -1.3 <= low[2] and high[2] <= 1.3
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    assert len(uv) == len(vertices) and triangles.max() == len(vertices) - 1
    breadth, thickness = HANDLES[kind]
    handle = vertices[vertices[:, 1] < NECK - 0.1]
    assert np.abs(handle[:, 0]).max() == pytest.approx(breadth)
    assert np.abs(handle[:, 2]).max() == pytest.approx(thickness)
    # Each side belongs to two triangles: nothing is open.
    same = np.unique(vertices.round(9), axis=0, return_inverse=True)[1].ravel()[triangles]
    same = same[[len(set(corners)) == 3 for corners in same.tolist()]]  # ends are points
    sides = np.sort(same[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(sides, axis=0, return_counts=True)[1] == 2).all()


def test_a_left_hands_utensil_is_the_mirror_image() -> None:
    shape = hand_shape(2)
    pose = sample_use(shape, np.random.default_rng(1), "fork", "along")
    meshes = [
        held_mesh(instantiate(shape, pose, is_right, np.eye(3), np.zeros(3)), Material(), 110)
        for is_right in (True, False)
    ]
    np.testing.assert_allclose(meshes[0].vertices, meshes[1].vertices * MIRROR)
    np.testing.assert_allclose(meshes[0].normals, meshes[1].normals * MIRROR)
    np.testing.assert_array_equal(meshes[0].triangles, meshes[1].triangles[:, ::-1])


def test_all_kinds_are_drawn_where_they_are_asked_for(monkeypatch) -> None:
    names = []
    for seed in range(60):
        hand, _, _ = place_hand(np.random.default_rng(seed), range(8), 0.0, True)
        assert isinstance(hand.pose.held, Utensil)
        names.append(hand.pose.held.name)
    assert set(names) == set(UTENSILS)
    painter = painter_or_skip()
    shots = painted_shots(painter, monkeypatch)
    monkeypatch.setattr(painter, "utensils", 1.0)
    for seed in range(14):
        render_scene(painter, seed, (96, 72))
    shown = 0
    for shot in shots:
        using = [i for i, h in enumerate(shot.hands) if isinstance(h.pose.held, Utensil)]
        idents = {mesh.ident for mesh in shot.extras}
        assert {OBJECT + 10 + i for i in using} <= idents
        shown += len(using)
        for staged in shot.people:
            drawn = {mesh.ident for mesh in staged.draw(staged.person)}
            assert drawn <= staged.idents
    assert shown >= 8


def test_other_pictures_do_not_change(monkeypatch) -> None:
    assert_others_do_not_change(painter_or_skip(), "utensils", monkeypatch)
