"""How a hand moves in a clip: keyframes of place, rotation and pose, and curves through them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline

from hand_pose_25d_train.render.body.rig import HandShape, hand_shape
from hand_pose_25d_train.render.pose.pose import make, sample_pose
from hand_pose_25d_train.render.scene.cutoff import Entrance
from hand_pose_25d_train.render.scene.instance import HandInstance, instantiate
from hand_pose_25d_train.render.scene.viewpoint import FLIP

STILL = (0.0, 0.0, 2.5, 0.0)
"""No waving."""


@dataclass
class Keyframes:
    """Where a hand is and how it is posed at some times, in order."""

    times: list[float] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    rotations: list[np.ndarray] = field(default_factory=list)
    angles: list[np.ndarray] = field(default_factory=list)
    wrists: list[np.ndarray] = field(default_factory=list)

    def add(self, time: float, place, rotation, angles, wrist=(0.0, 0.0, 0.0)) -> None:
        """Append a keyframe: s, m (3,), hand -> camera (3, 3), rad (5, 5), rad (3,)."""
        self.times.append(time)
        self.places.append(np.asarray(place))
        self.rotations.append(np.asarray(rotation))
        self.angles.append(np.asarray(angles))
        self.wrists.append(np.asarray(wrist, dtype=np.float64))


@dataclass
class Actor:
    """One hand over a clip."""

    body: int
    is_right: bool
    number: int
    """Its id in the labels."""
    person: int
    """Hands of one person share skin and cloth."""
    keyframes: Keyframes
    """Its places are those of the middle of the palm."""
    wave: tuple[float, float, float, float] = STILL
    """Waving: begin s, end s, frequency Hz, amplitude rad."""
    entrance: Entrance | None = None
    """Where the forearm's cut is kept out of the image."""

    def __post_init__(self) -> None:
        keys = self.keyframes
        self.times = np.array(keys.times)
        self._place = CubicSpline(self.times, np.array(keys.places))
        self._rotation = RotationSpline(self.times, Rotation.from_matrix(np.array(keys.rotations)))
        # Monotone between keyframes: no joint overshoots its limit.
        self._angles = PchipInterpolator(self.times, np.array(keys.angles))
        self._wrists = PchipInterpolator(self.times, np.array(keys.wrists))

    def at(self, time: float) -> HandInstance | None:
        """The hand at a time, or None before it comes and after it has gone."""
        if not self.times[0] <= time <= self.times[-1]:
            return None
        shape = hand_shape(self.body)
        rotation = self._rotation(time).as_matrix()
        place = self._place(time)
        begin, end, frequency, amplitude = self.wave
        if amplitude and begin < time < end:
            fade = min(1.0, (time - begin) / 0.25, (end - time) / 0.25)
            angle = amplitude * fade * np.sin(2 * np.pi * frequency * (time - begin))
            swing = Rotation.from_rotvec([0, 0, angle]).as_matrix()
            # About a point some way down the forearm.
            pivot = place - rotation @ np.array([0, 0.22, 0])
            place, rotation = pivot + swing @ (place - pivot), swing @ rotation
        hand = held(shape, self.is_right, place, rotation, self._angles(time), self._wrists(time))
        return hand if self.entrance is None else self.entrance.keep(hand)


def held(
    shape: HandShape, is_right: bool, place: np.ndarray, rotation: np.ndarray, angles, wrist
) -> HandInstance:
    """A hand with the middle of its palm at a place (3,)."""
    pose = make(shape, angles, wrist, "clip")
    middle = shape.joints[9] * 0.7 * (np.array([1, 1, 1]) if is_right else [-1, 1, 1])
    return instantiate(shape, pose, is_right, rotation, place - rotation @ middle)


def facing(up: float, yaw: float, pitch: float) -> np.ndarray:
    """A rotation hand -> camera, degrees: fingers `up` clockwise from the image's top, palm to the
    camera at yaw 0, its back at 180; pitch tips the fingers to the camera."""
    return (
        Rotation.from_euler("z", up, degrees=True).as_matrix()
        @ FLIP
        @ Rotation.from_euler("x", pitch, degrees=True).as_matrix()
        @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    )


def sample_actor(
    rng: np.random.Generator,
    K: np.ndarray,
    size: tuple[int, int],
    duration: float,
    body: int,
    is_right: bool,
    number: int,
    person: int,
) -> Actor:
    """Draw a hand that enters, moves about with changing poses, perhaps waves, and leaves."""
    begin = (
        float(rng.uniform(0, 0.3 * duration)) if number else float(rng.uniform(0, 0.1 * duration))
    )
    end = duration if rng.random() < 0.3 else float(rng.uniform(0.65, 1.0) * duration)
    edge = float(rng.choice([0.0, 75.0, -75.0], p=[0.7, 0.15, 0.15])) + rng.normal(0, 18)
    depth = float(rng.uniform(0.38, 0.95))
    side = 0.0 if rng.random() < 0.6 else 180.0
    shape = hand_shape(body)
    times = [begin]
    while times[-1] < end - 1.1:
        times.append(times[-1] + float(rng.uniform(0.45, 1.1)))
    times.append(end)
    count = len(times)
    home = np.array([rng.uniform(0.25, 0.75) * size[0], rng.uniform(0.3, 0.7) * size[1], 1.0])
    keyframes = Keyframes()
    entrance = Entrance(K, size, *((1, 1) if abs(edge) < 45 else (0, -1 if edge > 0 else 1)))
    least = float(rng.uniform(0.45, 1.0))  # some come nearer, some keep to the edge, small
    pose = sample_pose(shape, rng)
    for i in range(count):
        pixel = home + [*rng.normal(0, 0.16, 2) * size[0], 0]
        pixel[:2] = pixel[:2].clip(
            [0.08 * size[0], 0.1 * size[1]], [0.92 * size[0], 0.9 * size[1]]
        )
        z = depth * np.exp(rng.normal(0, 0.12))
        place = np.linalg.solve(K, pixel) * z
        up = edge + rng.normal(0, 14)
        if i in (0, count - 1):  # outside the image, where the arm comes from
            away = np.array([np.sin(np.radians(edge)), -np.cos(np.radians(edge)), 0.0])
            place = np.linalg.solve(K, home) * z - away * (0.75 * size[1] / K[1, 1] * z + 0.22)
        rotation = facing(up, side + rng.normal(0, 28), rng.normal(0, 20))
        if rng.random() < 0.7:
            pose = sample_pose(shape, rng)
        wrist = np.radians([rng.normal(0, 12), rng.normal(0, 6), rng.normal(0, 20)])
        if 0 < i < count - 1:
            hand = held(shape, is_right, place, rotation, pose.angles, wrist)
            place = entrance.reached(hand, place, least)
        keyframes.add(times[i], place, rotation, pose.angles, wrist)
    wave = STILL
    if rng.random() < 0.5 and end - begin > 3:
        start = float(rng.uniform(begin + 0.8, end - 2.2))
        wave = (
            start,
            start + float(rng.uniform(1.0, 1.8)),
            float(rng.uniform(1.5, 3.2)),
            float(rng.uniform(0.25, 0.55)),
        )
    return Actor(body, is_right, number, person, keyframes, wave, entrance)
