"""The estimator with a depth image, on the bundled clip: skin is painted where its hands are."""

from __future__ import annotations

import numpy as np
import pytest

from hand_pose_25d import HandPose, HandPoseEstimator
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.surface_offsets import surface_offsets
from hand_pose_25d.skeleton import BONES, WRIST

NUMBERS = (40, 44, 48)
WALL = 1.4  # m


def painted(hands: list[LabelledHand], shape: tuple[int, int], focal: float) -> np.ndarray:
    """Discs of skin along the bones before a wall, in metres: the depth of a sensor in noise."""
    depth = np.full(shape, WALL, dtype=np.float32)
    v, u = np.mgrid[: shape[0], : shape[1]]
    for hand in hands:
        points = hand.keypoints[None]
        scale = float(np.linalg.norm(points[0, 5] - points[0, 0]))
        skin = points[0, :, 2] - scale * surface_offsets(points, np.array([hand.is_right]))[0]
        for parent, child in BONES:
            for t in np.linspace(0, 1, 12):
                at = (1 - t) * hand.uv[parent] + t * hand.uv[child]
                z = (1 - t) * skin[parent] + t * skin[child]
                radius = 0.009 * focal / z
                disc = np.square(u - at[0]) + np.square(v - at[1]) < radius**2
                depth[disc] = np.minimum(depth[disc], z)
    return depth


@pytest.fixture(scope="module")
def scenes():
    """Images of the clip, their depth, and the true hands."""
    clip = load_clip(CLIP)
    found = []
    for number, image in enumerate(clip.images()):
        if number in NUMBERS:
            shape = image.shape[:2]
            found.append((image, painted(clip.hands[number], shape, clip.camera.fx),
                          clip.hands[number]))  # fmt: skip
        if number == max(NUMBERS):
            break
    return clip.camera, found


@pytest.fixture(scope="module")
def estimator():
    return HandPoseEstimator(device="cpu", max_hands=2)


def errors(hands: list[HandPose], truth: list[LabelledHand]) -> list[float]:
    """Distances of the wrists' depths from those of the true hands that are nearest in pixels."""
    found = []
    for hand in hands:
        away = [np.linalg.norm(hand.keypoints_2d - t.uv, axis=1).mean() for t in truth]
        if min(away) < 25:
            nearest = truth[int(np.argmin(away))]
            found.append(abs(hand.keypoints[WRIST, 2] - nearest.keypoints[WRIST, 2]))
    return found


def test_metres_and_millimetres_measure_the_distance(scenes, estimator):
    camera, images = scenes
    plain, fused = [], []
    for image, depth, truth in images:
        plain += errors(estimator.estimate(image, camera), truth)
        hands = estimator.estimate(image, camera, depth=depth)
        fused += errors(hands, truth)
        assert all(hand.depth_keypoints >= 4 for hand in hands)
        assert {hand.scale_source for hand in hands} <= {"depth"}
        units = np.round(1e3 * depth).astype(np.uint16)
        again = estimator.estimate(image, camera, depth=units)
        for one, other in zip(hands, again, strict=True):
            assert other.keypoints == pytest.approx(one.keypoints, abs=0.002)
    assert len(fused) >= 4
    assert np.median(fused) < 0.008 < np.median(plain)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -1.0, 12.0])
def test_depth_without_hands_changes_nothing(scenes, estimator, value):
    camera, ((image, depth, _), *_) = scenes
    empty = np.full_like(depth, value)
    plain, found = (
        estimator.estimate(image, camera),
        estimator.estimate(image, camera, depth=empty),
    )
    for hand, other in zip(plain, found, strict=True):
        assert other.depth_keypoints == 0
        assert other.keypoints == pytest.approx(hand.keypoints, abs=1e-9)


def test_a_video_takes_depth_where_there_is_some(scenes, estimator):
    camera, images = scenes
    estimator.reset()
    counted = []
    for i, (image, depth, _) in enumerate(images):
        hands = estimator.track(image, camera, i / 20, depth=depth if i != 1 else None)
        counted.append({hand.scale_source for hand in hands if hand.state != "lost"})
    assert counted == [{"depth"}, {"prior"}, {"depth"}]


def test_the_closed_form_takes_none(scenes):
    camera, ((image, depth, _), *_) = scenes
    paper = HandPoseEstimator(device="cpu", method="closed_form")
    with pytest.raises(ValueError, match="'map' only"):
        paper.estimate(image, camera, depth=depth)
