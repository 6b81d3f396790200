"""Gloves: of what they are made, that nothing of the hand is lost, and that some are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.gl.drawables import Material, Mesh
from hand_pose_25d_train.render.pose.pose import sample_pose
from hand_pose_25d_train.render.scene.arms import split_arm
from hand_pose_25d_train.render.scene.gloves import GLOVE_KINDS, Glove, gloved_arm, sample_glove
from hand_pose_25d_train.render.scene.instance import HandInstance, instantiate

SKIN, CLOTH = Material(tint=(0.6, 0.4, 0.3)), Material(tint=(0.1, 0.2, 0.3))
COAT = Material(tint=(0.7, 0.2, 0.0))


def a_hand(is_right: bool = True) -> HandInstance:
    shape = hand_shape(3)
    pose = sample_pose(shape, np.random.default_rng(0), "open")
    return instantiate(shape, pose, is_right, np.eye(3), np.array([0, 0, 0.5]))


def corners(mesh: Mesh) -> np.ndarray:
    return mesh.vertices[np.unique(mesh.triangles)]


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize(
    ("coat", "bare", "count"),
    [(None, False, 2), (COAT, False, 3), (None, True, 3), (COAT, True, 4)],
)
def test_the_hand_is_covered_once(
    is_right: bool, coat: Material | None, bare: bool, count: int
) -> None:
    hand = a_hand(is_right)
    bare_hand = split_arm(hand, SKIN, 1, 100)
    worn = gloved_arm(hand, SKIN, 1, 100, Glove(CLOTH, 0.001, coat, bare))
    assert len(worn) == count
    assert [mesh.ident for mesh in worn] == [1] * (count - 1) + [100]
    triangles = np.concatenate([mesh.triangles for mesh in worn[:-1]])
    given = {tuple(row) for row in bare_hand[0].triangles.tolist()}
    assert len(triangles) == len(given)
    assert {tuple(row) for row in triangles.tolist()} == given
    np.testing.assert_array_equal(worn[-1].triangles, bare_hand[1].triangles)


def test_cloth_is_as_thick_as_it_says_and_bare_fingers_are_not() -> None:
    hand = a_hand()
    plain = split_arm(hand, SKIN, 1, 100)[0]
    cloth, ends, _ = gloved_arm(hand, SKIN, 1, 100, Glove(CLOTH, 0.002, None, True))
    away = np.linalg.norm(cloth.vertices - plain.vertices, axis=1)
    assert away == pytest.approx(np.full(len(away), 0.002), rel=0.02)
    np.testing.assert_array_equal(ends.vertices, plain.vertices)
    assert ends.material is SKIN and cloth.material is CLOTH
    tips, knuckles = hand.keypoints[[4, 8, 12, 16, 20]], hand.keypoints[[5, 9, 13, 17]]
    nearest = [np.linalg.norm(corners(ends) - point, axis=1).min() for point in tips]
    assert max(nearest) < 0.015
    assert min(np.linalg.norm(corners(ends) - point, axis=1).min() for point in knuckles) > 0.02


def test_the_coat_is_on_the_palm() -> None:
    hand = a_hand()
    cloth, coat, _ = gloved_arm(hand, SKIN, 1, 100, Glove(CLOTH, 0.001, COAT))
    out_of_palm = hand.rotation @ [0, 0, 1.0]
    sides = [
        float((mesh.normals[np.unique(mesh.triangles)] @ out_of_palm).mean())
        for mesh in (coat, cloth)
    ]
    assert sides[0] > 0.4 and sides[1] < -0.2


@pytest.mark.parametrize("kind", list(GLOVE_KINDS))
def test_every_kind_is_drawn_within_its_bounds(kind: str) -> None:
    gloves = [sample_glove(np.random.default_rng(seed), CLOTH, kind) for seed in range(60)]
    assert all(0.0002 < glove.thickness < 0.003 for glove in gloves)
    assert all(0 <= tint <= 1 for glove in gloves for tint in glove.cloth.tint)
    share = np.mean([glove.bare_fingers for glove in gloves])
    assert (0.08 < share < 0.35) if kind in ("wool", "leather") else share == 0
    assert np.mean([glove.coat is not None for glove in gloves]) == pytest.approx(
        0.8 if kind == "work" else 0, abs=0.15
    )


def test_pictures_show_gloves_where_they_are_asked_for(monkeypatch) -> None:
    from hand_pose_25d_train.render.scene.crops import render_crop

    painter, means = painter_or_skip(), []
    plain = [render_crop(painter, seed, 64) for seed in range(6)]
    monkeypatch.setattr(painter, "gloves", 1.0)
    gloved = [render_crop(painter, seed, 64) for seed in range(6)]
    for one, other in zip(plain, gloved, strict=True):
        assert len(one.hands) == len(other.hands)
        if one.hands:
            np.testing.assert_allclose(one.hands[0].keypoints, other.hands[0].keypoints)
            means.append(np.abs(one.image.astype(int) - other.image).mean())
    assert len(means) >= 4 and min(means) > 2
