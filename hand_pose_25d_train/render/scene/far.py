"""People 2 to 6 metres away, with their hands at work: whole images, and crops of such hands.

A crop of a far hand has few true pixels: an image is made at the camera's own resolution, with its
lens, noise and compression, and a crop of it is warped and enlarged as the estimator does.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d_train.datasets.shards import SceneSample
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.gl.drawables import Mesh
from hand_pose_25d_train.render.pose.body import ArmPose
from hand_pose_25d_train.render.pose.fingers import place_thumb, states
from hand_pose_25d_train.render.pose.pose import make, sample_pose
from hand_pose_25d_train.render.pose.utensils import USE_STREAM
from hand_pose_25d_train.render.scene.instance import HandInstance
from hand_pose_25d_train.render.scene.people import (
    Person,
    random_heading,
    sample_arm,
    sample_person,
)
from hand_pose_25d_train.render.scene.shot import Shot, Staged
from hand_pose_25d_train.render.scene.staging import move, put_in
from hand_pose_25d_train.render.scene.viewpoint import CROP_MARGIN, jittered_region, look_at
from hand_pose_25d_train.render.shares import asked, draw_kind

FAR_STREAM = 707
"""The stream that says which pictures these are, see `shares.asked`."""
DISTANCE = (2.0, 6.0)
"""Metres to the chest, even in their logarithm."""
HAND_PIXELS = (16.0, 50.0)
"""The longer side of a crop's hand on the sensor, even in its logarithm."""
WORK: dict[str, float] = {"gesturing": 0.45, "pointing": 0.25, "hanging": 0.3}
"""What arms do, by shares."""
_WINDOW = 252
"""Side (px) of the drawn picture that a crop is cut from; a driver holds on to every size."""
_REDUCED = (7, 6, 4, 3, 2, 1)
"""How many of them make a sensor's pixel wide: labels need more than the sensor has."""
_APART = 0.7
_TRIALS = 12


def far_people(
    painter,
    rng: np.random.Generator,
    K: np.ndarray,
    size: tuple[int, int],
    hands: list[HandInstance],
    extras: list[Mesh],
    people: list[Staged],
    using: bool = False,
) -> None:
    """One or two people who stand 2 to 6 m away, from head to hips in the image."""
    for _ in range(1 if rng.random() < 0.6 else 2):
        person = far_person(painter, rng, log_uniform(rng, DISTANCE), using)
        best, most = None, -1.0
        for _ in range(_TRIALS):
            pixel = np.array([*rng.uniform(0.12, 0.88, 2) * size, 1.0])
            ray = np.linalg.solve(K, pixel)
            placed = move(person, person.rotation, person.translation + _beside(person, ray))
            near = [np.linalg.norm((placed.translation - s.person.translation)[[0, 2]]) < _APART
                    for s in people]  # fmt: skip
            shown = -1.0 if any(near) else share_inside(placed, K, size)
            if shown > most:
                best, most = placed, shown
            if shown == 1.0:
                break
        if best is not None:
            put_in(painter, rng, best, hands, extras, people)


def far_person(painter, rng: np.random.Generator, distance: float, using: bool = False) -> Person:
    """A person straight ahead, with the chest at a distance (m)."""
    seed = int(rng.integers(painter.bodies.start, painter.bodies.stop))
    arms = {side: working_arm(rng, seed) for side in "RL"}
    person = sample_person(rng, seed, painter.skins.sample(rng), arms, using=using)
    rotation = random_heading(rng, 45)
    return move(person, rotation, np.array([0, 0, distance]) - rotation @ _chest(person))


def working_arm(rng: np.random.Generator, seed: int) -> ArmPose:
    """An arm that points, hangs or gestures (right side, body frame)."""
    kind = draw_kind(WORK, rng)
    if kind == "gesturing":
        return sample_arm(rng, seed, 1.0)
    shape = hand_shape(seed)
    twist = rng.uniform(-60, 60)
    if kind == "pointing":
        upper = np.array([rng.uniform(-1, 0.3), rng.uniform(-0.5, 0.5), rng.uniform(0, 1)])
        lower = upper / np.linalg.norm(upper) + rng.normal(0, 0.25, 3)
        thumbs = str(rng.choice(["wrap", "out", "side"]))
        angles = place_thumb(shape, states("efff", shape, rng), thumbs, rng)
        spread = 12.0
    else:
        upper = np.array([rng.uniform(-0.3, 0.0), -1.0, rng.uniform(-0.15, 0.2)])
        lower = np.array([rng.uniform(-0.2, 0.2), -1.0, rng.uniform(0.0, 0.45)])
        angles = sample_pose(shape, rng, "relaxed").angles
        spread = 18.0
    wrist = np.radians([rng.normal(0, spread), np.clip(rng.normal(0, 7), -18, 25), twist])
    pose = make(shape, angles, wrist, kind)
    return ArmPose(upper / np.linalg.norm(upper), lower / np.linalg.norm(lower), pose)


def share_inside(person: Person, K: np.ndarray, size: tuple[int, int]) -> float:
    """Which part of a person's hands, head and hips lies in the image, 0 to 1."""
    joints = hand_shape(person.posed.seed).person.joints
    top = person.posed.vertices[person.posed.vertices[:, 1].argmax()]
    body = person.place(np.stack([top, joints["pelvis"], joints["r-shoulder"]]))
    pixels = np.vstack([body, *(hand.keypoints for hand in person.hands)]) @ K.T
    places = pixels[:, :2] / pixels[:, 2:] / size
    return float(((places > 0.01) & (places < 0.99)).all(1).mean())


def far_crop(painter, seed: int, size: int) -> SceneSample | None:
    """A crop of a hand that is far away; None where none is seen in several trials."""
    using = asked(painter.utensils, seed, USE_STREAM)
    for trial in range(_TRIALS):
        rng = np.random.default_rng([seed, FAR_STREAM, trial])
        person = far_person(painter, rng, log_uniform(rng, DISTANCE), using)
        ray = np.array([*rng.uniform([-0.5, -0.3], [0.5, 0.3]), 1.0])
        person = move(person, person.rotation, person.translation + _beside(person, ray))
        hands: list[HandInstance] = []
        extras: list[Mesh] = []
        people: list[Staged] = []
        put_in(painter, rng, person, hands, extras, people)
        chosen = int(rng.integers(2))
        flat = hands[chosen].keypoints[:, :2] / hands[chosen].keypoints[:, 2:]
        pixels = log_uniform(rng, HAND_PIXELS)
        region = jittered_region(Region.from_keypoints(flat), rng)
        side = region.size * CROP_MARGIN
        focal = pixels / float(np.ptp(flat, axis=0).max())
        needed = math.sqrt(2) * side * focal + 4  # the crop is turned
        reduced = next((n for n in _REDUCED if _WINDOW // n >= needed), 1)
        width = _WINDOW // reduced
        center = (width - 1) / 2 - focal * np.array(region.center)
        sensor = np.array([[focal, 0, center[0]], [0, focal, center[1]], [0, 0, 1.0]])
        drawn = _scaled(sensor, reduced)
        shot = Shot(
            hands, drawn, (_WINDOW, _WINDOW), seed, extras,
            whole=True, people=people, reduced=reduced,
        )  # fmt: skip
        sample = painter.paint(shot, rng)
        seen = sorted(sample.hands, key=lambda hand: hand.hand_id != chosen)
        if seen and seen[0].hand_id == chosen:
            return _enlarged(sample, seen, sensor, region, size)
    return None


def far_negative(painter, rng: np.random.Generator, seed: int, size: int) -> SceneSample:
    """A crop without a hand, enlarged as much: few true pixels do not mean that there is one."""
    side = round(log_uniform(rng, (32.0, 110.0)))
    sample = painter.negative(rng, (side, side), seed)
    image = cv2.resize(sample.image, (size, size), interpolation=cv2.INTER_LINEAR)
    return SceneSample(image, _scaled(sample.K, size / side), [], seed)


def _scaled(K: np.ndarray, scale: float) -> np.ndarray:
    """The intrinsics of an image that is enlarged so many times; pixel centres are at integers."""
    scaled = np.diag([scale, scale, 1.0]) @ K
    scaled[:2, 2] += (scale - 1) / 2
    return np.asarray(scaled)


def _enlarged(
    sample: SceneSample, seen: list[LabelledHand], sensor: np.ndarray, region: Region, size: int
) -> SceneSample:
    """Warp a picture, whose intrinsics are those of the sensor, into the crop of a region."""
    rotation = look_at(region)
    focal = (size - 1) / (region.size * CROP_MARGIN / math.hypot(1.0, *region.center))
    K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1.0]])

    def warped(image: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
        change = K @ rotation @ np.linalg.inv(intrinsics)
        return cv2.warpPerspective(
            image, change, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    hands = []
    for number, hand in enumerate(seen):
        keypoints = hand.keypoints @ rotation.T
        uv = keypoints @ K.T
        assert hand.mask is not None
        mask = warped(hand.mask.astype(np.float32), sample.K) >= 0.5
        hands.append(
            LabelledHand(
                keypoints, uv[:, :2] / uv[:, 2:], hand.visibility, hand.is_right, number, mask
            )
        )
    return SceneSample(warped(sample.image, sensor), K, hands, sample.seed)


def _chest(person: Person) -> np.ndarray:
    return np.asarray(hand_shape(person.posed.seed).person.joints["spine-2"] * [0, 1, 1])


def _beside(person: Person, ray: np.ndarray) -> np.ndarray:
    """The shift (3,) from straight ahead to a ray (3,), z = 1, as far away."""
    chest = person.rotation @ _chest(person) + person.translation
    return np.asarray(ray / np.linalg.norm(ray) * chest[2] - chest)
