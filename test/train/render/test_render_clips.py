"""Clips: smooth, of constant bones, read back as written; and the package's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rendering import painter_or_skip

from hand_pose_25d.io.clips import load_clip, save_description

DEMO = Path(__file__).resolve().parents[3] / "hand_pose_25d" / "demo_data" / "hands.mp4"


@pytest.fixture(scope="module")
def plan():
    from hand_pose_25d_train.render.scene.clips import sample_plan

    return sample_plan(painter_or_skip(), 5, (96, 72), duration=2.5, fps=8)


def test_bones_are_constant_and_motion_is_smooth(plan):
    for actor in plan.actors:
        poses = [actor.at(t) for t in np.arange(actor.times[0] + 1e-6, actor.times[-1], 0.02)]
        lengths = np.array([p.shape.length for p in poses])
        points = np.array([p.keypoints for p in poses])
        from hand_pose_25d.skeleton import bone_lengths

        bones = bone_lengths(points)
        np.testing.assert_allclose(bones, np.broadcast_to(bones[0], bones.shape), atol=1e-9)
        assert np.ptp(lengths) == 0
        speed = np.linalg.norm(np.diff(points, axis=0), axis=-1) / 0.02
        assert speed.max() < 15  # m/s
        assert actor.at(actor.times[-1] + 0.01) is None


@pytest.mark.parametrize("seed", range(4))
def test_forearms_end_outside_the_image(seed):
    """At every moment, and the hands are in the image most of the time all the same."""
    from hand_pose_25d_train.render.scene.cutoff import hidden, rim
    from hand_pose_25d_train.render.scene.motion import sample_actor
    from hand_pose_25d_train.render.scene.scenes import sample_camera

    rng, size = np.random.default_rng([seed, 7]), (640, 480)
    K = sample_camera(rng, size)
    actor = sample_actor(rng, K, size, 6.0, seed, bool(seed % 2), 0, 0)
    inside, kept = [], 0
    for time in np.arange(actor.times[0], actor.times[-1], 0.1):
        hand = actor.at(time)
        pixels = hand.keypoints @ K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        inside.append(((pixels > 0) & (pixels < size)).all(1).mean())
        assert hidden(hand.vertices[rim()], K, size)
        free = replace(actor, entrance=None).at(time)
        kept += np.allclose(free.keypoints, hand.keypoints)
    assert np.mean(inside) > 0.4
    assert kept > 0.6 * len(inside)  # the keyframes are placed so; the rest is for between them


def test_a_hand_comes_nearer_until_its_arm_reaches_the_edge():
    from hand_pose_25d_train.render.body.rig import hand_shape
    from hand_pose_25d_train.render.pose.pose import sample_pose
    from hand_pose_25d_train.render.scene.cutoff import NEARBY, Entrance, hidden, rim
    from hand_pose_25d_train.render.scene.motion import facing, held

    K, size = np.array([[560.0, 0, 319.5], [0, 560, 239.5], [0, 0, 1]]), (640, 480)
    shape = hand_shape(1)
    entrance = Entrance(K, size, 1, 1)
    pose = sample_pose(shape, np.random.default_rng(0))
    for pixel, least in (((320, 200), 0.2), ((320, 200), 0.8), ((500, 420), 0.2)):
        place = np.linalg.solve(K, [*pixel, 1.0]) * 0.9

        def at(where):
            return held(shape, True, where, facing(5, 0, 0), pose.angles, np.zeros(3))

        moved = entrance.reached(at(place), place, least)
        assert hidden(at(moved).vertices[rim()], K, size)
        assert max(NEARBY, 0.9 * least) - 1e-9 <= moved[2] <= 0.9
        u, v = (K @ moved)[:2] / moved[2]
        assert abs(u - pixel[0]) < 1e-6 and v > pixel[1] - 1e-6
        if least < 0.5:  # no shift was needed
            assert abs(v - pixel[1]) < 1e-6


def test_a_clip_is_read_back_as_it_was_written(plan, tmp_path):
    from hand_pose_25d_train.render.scene.clips import write_clip

    painter = painter_or_skip()
    write_clip(painter, plan, tmp_path / "clip.mp4")
    clip = load_clip(tmp_path / "clip.json", convert=False)
    images = list(clip.images())
    assert len(clip) == len(images) == plan.frames == 20
    assert images[0].shape == (72, 96, 3) and clip.fps == 8
    assert {h.hand_id for hands in clip.hands for h in hands} <= {a.number for a in plan.actors}
    for hand in (h for hands in clip.hands for h in hands):
        np.testing.assert_allclose(clip.camera.project(hand.keypoints), hand.uv, atol=0.05)


def test_the_demo_clip_shows_two_people_entering_crossing_and_leaving():
    clip = load_clip(DEMO, convert=False)
    images = list(clip.images())
    assert len(images) == len(clip) and DEMO.stat().st_size < 4e6
    assert images[0].shape == (480, 640, 3) and 15 <= clip.fps <= 25
    numbers = [len(hands) for hands in clip.hands]
    assert min(numbers) == 0 and max(numbers) >= 3
    sides = {h.hand_id: h.is_right for hands in clip.hands for h in hands}
    assert sides == {0: True, 1: False, 2: True}
    hidden = [h.visibility.mean() for hands in clip.hands for h in hands if h.hand_id == 1]
    assert min(hidden) < 0.5 < max(hidden)
    for number in sides:
        from hand_pose_25d.skeleton import bone_lengths

        bones = np.array(
            [bone_lengths(h.keypoints) for f in clip.hands for h in f if h.hand_id == number]
        )
        assert np.ptp(bones, axis=0).max() < 1e-4


def test_reading_gives_the_networks_keypoints():
    from hand_pose_25d.io.rendered_joints import to_network_keypoints

    stored, read = load_clip(DEMO, convert=False), load_clip(DEMO)
    a, b = stored.hands[60][0], read.hands[60][0]
    np.testing.assert_allclose(
        b.keypoints, to_network_keypoints(a.keypoints, a.is_right), atol=1e-9
    )
    np.testing.assert_allclose(read.camera.project(b.keypoints), b.uv, atol=1e-6)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d.pop("camera"), "camera"),
        (lambda d: d["frames"][0].pop("stamp"), "stamp"),
        (lambda d: d.update(fps=None), "not the description of a clip"),
    ],
)
def test_a_broken_description_is_named(tmp_path, change, message):
    from hand_pose_25d.geometry.camera import Camera

    path = tmp_path / "x.json"
    (tmp_path / "x.mp4").write_bytes(b"")
    save_description(path, Camera(100, 100, 50, 40, 100, 80), 20.0, [(0.0, [])])
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=message):
        load_clip(path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.json is missing"):
        load_clip(tmp_path / "nothing.mp4")
    from hand_pose_25d.geometry.camera import Camera

    save_description(tmp_path / "y.json", Camera(100, 100, 50, 40, 100, 80), 20.0, [(0.0, [])])
    (tmp_path / "y.mp4").write_bytes(b"no video")
    with pytest.raises(OSError, match="0 of 1 frames"):
        list(load_clip(tmp_path / "y.mp4").images())
