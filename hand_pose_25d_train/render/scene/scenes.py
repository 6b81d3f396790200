"""Mode `scenes`: whole images with 0-4 hands, people, clutter and hard negatives.

Hard negatives are people whose hands are outside the image, hang at their sides or are hidden,
bare arms, faces and feet close by, and skin-coloured things.  Whatever hand is seen is labelled.
"""

from __future__ import annotations

import numpy as np

from hand_pose_25d_train.datasets.shards import SceneSample
from hand_pose_25d_train.render.body.kinematics import axis_angle
from hand_pose_25d_train.render.body.rig import hand_shape
from hand_pose_25d_train.render.draws import log_uniform
from hand_pose_25d_train.render.gl.drawables import Mesh
from hand_pose_25d_train.render.pose.grips import sample_use
from hand_pose_25d_train.render.pose.pose import sample_pose
from hand_pose_25d_train.render.pose.utensils import USE_STREAM
from hand_pose_25d_train.render.scene.compose import Painter
from hand_pose_25d_train.render.scene.cutoff import hidden, hide_cut, in_the_way, rim
from hand_pose_25d_train.render.scene.dressing import shoulder
from hand_pose_25d_train.render.scene.far import FAR_STREAM, far_people
from hand_pose_25d_train.render.scene.gloves import gloved_arm
from hand_pose_25d_train.render.scene.instance import HandInstance, instantiate
from hand_pose_25d_train.render.scene.objects import clutter, used_mesh
from hand_pose_25d_train.render.scene.pairs import sample_pair
from hand_pose_25d_train.render.scene.people import Person, random_heading, sample_person
from hand_pose_25d_train.render.scene.shot import OBJECT, Shot, Staged
from hand_pose_25d_train.render.scene.sleeve import sleeve_mesh
from hand_pose_25d_train.render.scene.staging import move, put_in
from hand_pose_25d_train.render.scene.viewpoint import sample_orientation
from hand_pose_25d_train.render.shares import asked, draw_kind

_KINDS = {"hands": 0.42, "people": 0.36, "close": 0.10, "empty": 0.12}
_SLEEVES = 0.5
_ENOUGH = 0.1
"""Metres before the camera for the nearest keypoint of a hand that was nearer."""


def sample_camera(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Intrinsics (3, 3) of a camera between 45 and 95 degrees wide."""
    width, height = size
    focal = width / 2 / np.tan(np.radians(rng.uniform(45, 95)) / 2)
    center = rng.normal(0, 0.01, 2) * width
    return np.array(
        [
            [focal, 0, (width - 1) / 2 + center[0]],
            [0, focal, (height - 1) / 2 + center[1]],
            [0, 0, 1],
        ]
    )


def render_scene(painter: Painter, seed: int, size: tuple[int, int] = (640, 480)) -> SceneSample:
    """Return the scene of this seed."""
    rng = np.random.default_rng([seed, 202])
    K = sample_camera(rng, size)
    kind = draw_kind(_KINDS, rng)
    using = asked(painter.utensils, seed, USE_STREAM)
    hands: list[HandInstance] = []
    extras: list[Mesh] = []
    people: list[Staged] = []
    if asked(painter.far, seed, FAR_STREAM):
        far_people(painter, rng, K, size, hands, extras, people, using)
    elif kind == "hands" and painter.pairs and rng.random() < painter.pairs:
        touching_hands(painter, rng, K, size, hands, extras)
    elif kind == "hands":
        free_hands(painter, rng, K, size, hands, extras, using=using)
    elif kind == "people":
        for _ in range(1 if rng.random() < 0.75 else 2):
            add_person(painter, rng, K, size, hands, extras, people, using)
        if rng.random() < 0.2:
            free_hands(painter, rng, K, size, hands, extras, 1)
    elif kind == "close":
        close_up_scene(painter, rng, K, size, hands, extras, people)
    extras += clutter(painter, rng, K, size, OBJECT + 100)
    shot = Shot(hands, K, size, seed, extras, whole=True, people=people)
    return painter.paint(shot, rng)


def free_hands(
    painter, rng, K, size, hands, extras, count: int | None = None, using: bool = False
) -> None:
    """Hands with forearms, anywhere in the image: a user's own, or a passer-by's."""
    count = count or int(rng.choice([1, 2, 3, 4], p=[0.42, 0.36, 0.14, 0.08]))
    person = int(rng.integers(painter.bodies.start, painter.bodies.stop))
    skin, dressed, cloth = painter.skins.sample(rng), rng.random() < _SLEEVES, painter.cloth(rng)
    glove = painter.glove(rng)
    own = rng.random() < 0.35  # seen from the own head: forearms come from below
    for i in range(count):
        if i and rng.random() < 0.45:
            person = int(rng.integers(painter.bodies.start, painter.bodies.stop))
            skin, dressed, cloth = (
                painter.skins.sample(rng),
                rng.random() < _SLEEVES,
                painter.cloth(rng),
            )
            glove = painter.glove(rng)
        shape, is_right = hand_shape(person), bool(rng.random() < 0.5)
        if own and i < 2:
            is_right = bool(i)
        hand = None
        for _ in range(12):
            hand = hide_cut(_free_hand(rng, shape, is_right, K, size, own, using), K, size, own)
            if hand is not None and in_the_way(hand):
                hand = None
            if hand is not None and not any(_collide(hand, other) for other in hands):
                break
        if hand is None or len(hands) >= 4:
            continue
        number = len(hands)
        hands.append(hand)
        extras += gloved_arm(hand, skin, 1 + number, OBJECT + number, glove)
        extras += used_mesh(painter, hand, rng, OBJECT + 10 + number)
        if dressed:
            extras.append(sleeve_mesh(hand, cloth, 50 + number, rng))


def touching_hands(painter, rng, K, size, hands, extras) -> None:
    """Two hands of a person that touch, with forearms, anywhere in the image."""
    shape = hand_shape(int(rng.integers(painter.bodies.start, painter.bodies.stop)))
    skin, dressed, cloth = painter.skins.sample(rng), rng.random() < _SLEEVES, painter.cloth(rng)
    glove, own = painter.glove(rng), rng.random() < 0.35
    for _ in range(12):
        pair = sample_pair(shape, bool(rng.random() < 0.5), rng)
        orientation, place = _anywhere(rng, pair[0].pose, pair[0].is_right, K, size, own)
        first, second = (hand.moved(orientation, place) for hand in pair)
        away = _ENOUGH - min(hand.keypoints[:, 2].min() for hand in (first, second))
        if away > 0:
            shift = first.keypoints.mean(0) * away / first.keypoints[:, 2].mean()
            first, second = (hand.moved(np.eye(3), shift) for hand in (first, second))
        moved = hide_cut(first, K, size, own)
        if moved is None:
            continue
        rotation = moved.rotation @ first.rotation.T
        second = second.moved(rotation, moved.translation - rotation @ first.translation)
        if not in_the_way(moved) and not in_the_way(second):
            break
    else:
        return
    for i, hand in enumerate((moved, second)):
        hands.append(hand)
        extras += gloved_arm(hand, skin, 1 + i, OBJECT + i, glove)
        if dressed:
            extras.append(sleeve_mesh(hand, cloth, 50 + i, rng))
        if not hidden(hand.vertices[rim()], K, size):
            extras.append(shoulder(hand, cloth, rng, OBJECT + 30 + i))


def _free_hand(
    rng, shape, is_right: bool, K, size, own: bool, using: bool = False
) -> HandInstance:
    pose = sample_use(shape, rng) if using else sample_pose(shape, rng)
    orientation, place = _anywhere(rng, pose, is_right, K, size, own)
    hand = instantiate(shape, pose, is_right, orientation, place)
    nearest = hand.keypoints[:, 2].min()
    if nearest < 0.09:
        center = hand.keypoints.mean(0)
        hand = hand.moved(np.eye(3), center / np.linalg.norm(center) * (_ENOUGH - nearest))
    return hand


def _anywhere(rng, pose, is_right: bool, K, size, own: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw where a hand is: rotation (3, 3), translation (3,)."""
    distance = log_uniform(rng, (0.2, 0.6 if own else 1.3))
    pixel = np.array([rng.uniform(0.02, 0.98) * size[0], rng.uniform(0.05, 0.98) * size[1], 1.0])
    if own:
        pixel[0] = size[0] * (rng.uniform(0.4, 0.95) if is_right else rng.uniform(0.05, 0.6))
    center = np.linalg.solve(K, pixel) * distance
    orientation = sample_orientation(rng, is_right)
    if own:  # fingers forward and up, seen from behind and above
        pitch = axis_angle(np.array([1.0, 0, 0]), np.radians(rng.uniform(-80, 10)))
        yaw = axis_angle(np.array([0, 0, 1.0]), np.radians(rng.normal(0, 25)))
        roll = axis_angle(np.array([0, 1.0, 0]), np.radians(rng.uniform(0, 360)))
        orientation = yaw @ np.diag([1.0, -1, -1]) @ pitch @ roll
    middle = pose.joints.mean(0) * ([1, 1, 1] if is_right else [-1, 1, 1])
    return orientation, center - orientation @ middle


def _collide(a: HandInstance, b: HandInstance) -> bool:
    return bool(np.linalg.norm(a.keypoints.mean(0) - b.keypoints.mean(0)) < 0.5 * a.shape.length)


def add_person(painter, rng, K, size, hands, extras, people, using: bool = False) -> Person | None:
    """A person who faces the camera more or less, head or hands in the image."""
    seed = int(rng.integers(painter.bodies.start, painter.bodies.stop))
    number = len(hands)
    if number > 2:
        return None
    person = sample_person(rng, seed, painter.skins.sample(rng), raised=0.75, using=using)
    rotation = random_heading(rng)
    distance = log_uniform(rng, (0.55, 3.0))
    target = hand_shape(seed).person.joints["r-eye" if rng.random() < 0.4 else "spine-2"] * [
        0,
        1,
        1,
    ]
    pixel = np.array([rng.uniform(0.2, 0.8) * size[0], rng.uniform(0.2, 0.65) * size[1], 1.0])
    person = move(person, rotation, np.linalg.solve(K, pixel) * distance - rotation @ target)
    nearest = min(h.keypoints[:, 2].min() for h in person.hands)
    if nearest < 0.15:
        person = move(person, rotation, person.translation + [0, 0, 0.2 - nearest])
    put_in(painter, rng, person, hands, extras, people)
    return person


def close_up_scene(painter, rng, K, size, hands, extras, people) -> None:
    """A face, a knee or feet close by; the hands hang and are rarely seen."""
    seed = int(rng.integers(painter.bodies.start, painter.bodies.stop))
    person = sample_person(rng, seed, painter.skins.sample(rng), raised=0.08)
    joint = str(rng.choice(["r-eye", "neck", "l-ankle", "r-knee"], p=[0.45, 0.15, 0.25, 0.15]))
    rotation = random_heading(rng, 70)
    if joint in ("l-ankle", "r-knee"):
        rotation = (
            np.diag([1.0, -1, -1])
            @ axis_angle(np.array([1.0, 0, 0]), np.radians(rng.uniform(0, 70)))
            @ axis_angle(np.array([0, 1.0, 0]), np.radians(rng.uniform(-180, 180)))
        )
    target = hand_shape(seed).person.joints[joint]
    pixel = np.array([rng.uniform(0.2, 0.8) * size[0], rng.uniform(0.2, 0.8) * size[1], 1.0])
    place = np.linalg.solve(K, pixel) * float(rng.uniform(0.35, 1.0)) - rotation @ target
    person = move(person, rotation, place)
    bare = joint in ("l-ankle", "r-knee") and rng.random() < 0.7
    put_in(painter, rng, person, hands, extras, people, bare)
