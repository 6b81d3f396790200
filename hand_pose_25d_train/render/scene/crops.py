"""Mode `crops`: one hand fills a region that is aligned with it, as the pose network sees it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d_train.datasets.shards import SceneSample
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.pose.grips import sample_use
from hand_pose_25d_train.render.pose.pose import sample_pose
from hand_pose_25d_train.render.pose.utensils import USE_STREAM
from hand_pose_25d_train.render.scene.compose import Painter
from hand_pose_25d_train.render.scene.cutoff import in_the_way
from hand_pose_25d_train.render.scene.far import FAR_STREAM, far_crop, far_negative
from hand_pose_25d_train.render.scene.instance import HandInstance, instantiate
from hand_pose_25d_train.render.scene.pairs import lean, overlap, sample_pair
from hand_pose_25d_train.render.scene.shot import Shot
from hand_pose_25d_train.render.scene.viewpoint import (
    CROP_MARGIN,
    jittered_region,
    look_at,
    sample_orientation,
)
from hand_pose_25d_train.render.scene.visibility import worth_a_label
from hand_pose_25d_train.render.shares import asked

NEGATIVES = 0.08
SECOND_HAND = 0.12
_NEAREST = 0.06
_ATTEMPTS = 8


def render_crop(painter: Painter, seed: int, size: int = 224) -> SceneSample:
    """Return the sample of this seed.

    Where nothing is seen of its hand it is drawn again without sleeves and things, and where that
    does not help (the hand is behind its own arm) in other poses and views.
    """
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, 101, attempt] if attempt > 1 else [seed, 101])
        if rng.random() < NEGATIVES and attempt == 0:
            if asked(painter.far, seed, FAR_STREAM):
                return far_negative(painter, rng, seed, size)
            return painter.negative(rng, (size, size), seed)
        if attempt == 0 and asked(painter.far, seed, FAR_STREAM):
            far = far_crop(painter, seed, size)
            if far is not None:
                return far
        first, second, region_size = place_hand(
            rng, painter.bodies, painter.pairs, asked(painter.utensils, seed, USE_STREAM)
        )
        focal = (size - 1) / region_size
        K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1.0]])
        hands = [first] if second is None else [first, second]
        shot = Shot(hands=hands, K=K, size=(size, size), seed=seed, bare=attempt == 1)
        sample = painter.paint(shot, rng)
        seen = sample.hands[0]
        assert seen.mask is not None
        if worth_a_label(first, seen.mask, seen.visibility):
            break
    return sample


def place_hand(
    rng: np.random.Generator, bodies: range, pairs: float = 0.0, using: bool = False
) -> tuple[HandInstance, HandInstance | None, float]:
    """Draw a hand (and sometimes a second) before a virtual camera that looks at its region.

    `pairs`: share of the hands that another one touches; `using`: a utensil is held.  Returns the
    hands and the image's side in normalised image coordinates.
    """
    person = int(rng.integers(bodies.start, bodies.stop))
    shape = hand_shape(person)
    pair = None
    if pairs and rng.random() < pairs:
        pair = sample_pair(shape, bool(rng.random() < 0.5), rng)
    if pair is not None:
        pose = pair[0].pose
    else:
        pose = sample_use(shape, rng) if using else sample_pose(shape, rng)
    is_right = bool(rng.random() < 0.5) if pair is None else pair[0].is_right
    orientation = sample_orientation(rng, is_right)
    distance = log_uniform(rng, (0.15, 2.0))
    middle = pose.joints.mean(0) * ([1, 1, 1] if is_right else [-1, 1, 1])
    for _ in range(12):
        hand = instantiate(
            shape, pose, is_right, orientation, np.array([0, 0, distance]) - orientation @ middle
        )
        if hand.keypoints[:, 2].min() < _NEAREST:
            distance *= 1.25
        elif in_the_way(hand):
            orientation = sample_orientation(rng, is_right)
        else:
            break
    second: HandInstance | None = None
    if pair is not None:
        second = pair[1].moved(hand.rotation, hand.translation)
    elif rng.random() < SECOND_HAND:
        second = _second(rng, hand)
    flat = hand.keypoints[:, :2] / hand.keypoints[:, 2:]
    region = jittered_region(Region.from_keypoints(flat), rng)
    rotation = look_at(region)
    hand = hand.moved(rotation)
    if second is not None:
        second = second.moved(rotation)
        if second.keypoints[:, 2].min() < _NEAREST:
            second = None
    # Rotating towards the region's centre moves it out of the old image plane.
    side = region.size / math.hypot(1.0, *region.center)
    return hand, second, side * CROP_MARGIN


def _second(rng: np.random.Generator, hand: HandInstance) -> HandInstance:
    """Another hand of the same person (usually the other one) beside, behind or on the first."""
    is_right = hand.is_right if rng.random() < 0.12 else not hand.is_right
    pose = sample_pose(hand.shape, rng)
    orientation = sample_orientation(rng, is_right)
    if rng.random() < 0.4:  # much as the first hand is rotated
        orientation = lean(rng, 0.5) @ hand.rotation
    direction = rng.normal(size=3) * [1, 1, 0.6]
    direction /= np.linalg.norm(direction)
    away = direction * rng.uniform(0.45, 1.1) * hand.shape.length
    if rng.random() < 0.6:
        away[2] = abs(away[2])
    middle = pose.joints.mean(0) * ([1, 1, 1] if is_right else [-1, 1, 1])
    center = hand.keypoints.mean(0) + away
    other = instantiate(hand.shape, pose, is_right, orientation, center - orientation @ middle)
    # Hands may touch, not run through each other: shift along the line of sight until free.
    for _ in range(6):
        depth = overlap(hand, other)
        if depth <= 0.001:
            break
        step = np.array([direction[0], direction[1], 1.5 * np.sign(away[2] or 1)])
        step *= (depth + 0.004) / np.linalg.norm(step)
        other = other.moved(np.eye(3), step)
    return other


def draw_labels(image: np.ndarray, sample: SceneSample) -> np.ndarray:
    """A copy of the image (RGB) with bones and keypoints; hidden keypoints are hollow."""
    from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

    image = np.ascontiguousarray(image).copy()
    for hand in sample.hands:
        points = [tuple(int(round(float(v) * 16)) for v in p) for p in hand.uv.clip(-999, 9999)]
        for parent, child in BONES:
            color = tuple(int(c) for c in KEYPOINT_COLORS[child])
            cv2.line(image, points[parent], points[child], color, 1, cv2.LINE_AA, 4)
        for k, point in enumerate(points):
            color = tuple(int(c) for c in KEYPOINT_COLORS[k])
            cv2.circle(image, point, 40, color, -1 if hand.visibility[k] else 1, cv2.LINE_AA, 4)
    return image
