"""Labelled photographs made worse, so that poses go wrong whose truth is known.

Labels are where networks agree: there ours is nearly always right.  Motion blur, few pixels, dark
and noisy pictures, things in front of the hand, and regions that are off, as a detector's may be,
make it fail as it fails elsewhere, while the label holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.hypotheses import region_of
from hand_pose_25d.inference.landmarks import predict_landmarks
from hand_pose_25d.inference.pose_network import PoseNetwork, Prediction
from hand_pose_25d_train.datasets.photos import FOCAL_OVER_SIDE

_SIDE = 400
"""The most pixels of a side of what is cut out around the hand."""
_AROUND, _LARGEST_FACTOR = 2.8, 2.0
"""Sides of the hand's box that are cut out; what is smaller is enlarged so much at most."""
WORSENINGS = ("none", "motion", "pixels", "dark", "hidden", "two of these")
_SHARES = (0.34, 0.14, 0.14, 0.12, 0.16, 0.10)
_JITTERS = ((0.04, 0.08, 0.12), (0.14, 0.3, 0.6), (0.1, 0.25, 2.0))
_JITTER_SHARES = (0.55, 0.3, 0.15)
"""Deviations of a region's centre, in its sizes, of the logarithm of its size, and of its angle,
radians; and how often they are drawn."""
_WRONG_HANDEDNESS = 0.1


@dataclass(frozen=True)
class LabelledHandPhoto:
    """One hand whose pose is known."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    uv: np.ndarray
    """(21, 2) pixels."""
    is_right: bool
    held_out: bool


@dataclass(frozen=True)
class Trial:
    """What the network made of one picture of a hand."""

    prediction: Prediction
    """Of one crop."""
    error: float
    """Mean distance to the truth over the longer side of the true hand's box."""
    p_right: float
    is_right: bool
    plain: bool
    """The picture as it is, the region as a tracker's."""
    held_out: bool


def trials_of(
    network: PoseNetwork, hand: LabelledHandPhoto, rng: np.random.Generator, count: int = 3
) -> Iterator[Trial]:
    """Yield trials: the first with the picture as it is, the others made worse.

    Each gives two: on the region as it was drawn, and on that of the keypoints predicted there.
    """
    image, uv = _cut_out(hand.image, hand.uv)
    side = float(np.ptp(uv, axis=0).max())
    height, width = image.shape[:2]
    focal = 3 * FOCAL_OVER_SIDE * width
    camera = Camera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    for number in range(count):
        plain = number == 0
        kind = "none" if plain else str(rng.choice(WORSENINGS, p=_SHARES))
        frame = Frame(worsened(image, uv, kind, rng), camera)
        region = _region(uv, 0 if plain else int(rng.choice(3, p=_JITTER_SHARES)), rng)
        expected = hand.is_right != (not plain and rng.random() < _WRONG_HANDEDNESS)
        for _ in range(2):
            seen = predict_landmarks(network, frame, [region], [not expected])
            distance = np.linalg.norm(seen.keypoints_2d[0] - uv, axis=-1).mean()
            yield Trial(
                seen.prediction, float(distance) / side, float(seen.network_p_right[0]),
                hand.is_right, plain, hand.held_out,
            )  # fmt: skip
            region = region_of(seen.extended_2d[0], region)


def worsened(image: np.ndarray, uv: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return an (H, W, 3) uint8 image of a hand made worse; `kind`: one of WORSENINGS.

    Raises ValueError for another kind.
    """
    if kind not in WORSENINGS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(WORSENINGS)}")
    side = float(np.ptp(uv, axis=0).max())
    chosen: Sequence[str] = [kind]
    if kind == WORSENINGS[-1]:
        chosen = [str(k) for k in rng.choice(WORSENINGS[1:-1], 2, replace=False)]
    for each in chosen:
        if each == "motion":
            image = _moved(image, side, rng)
        elif each == "pixels":
            factor = min(rng.uniform(9, 40) / side, 1.0)
            small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        elif each == "dark":
            light = rng.uniform(0.03, 0.35)
            dark = image * light + rng.normal(0, rng.uniform(2, 10), image.shape)
            image = (dark * rng.uniform(1, min(1 / light, 6))).clip(0, 255).astype(np.uint8)
        elif each == "hidden":
            image = _hidden(image, uv, side, rng)
    return image


def _moved(image: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    length = max(3, round(side * rng.uniform(0.06, 0.4)))
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    way = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = (np.round(middle + sign * way).astype(int).tolist() for sign in (-1, 1))
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, start, end, (1.0,), 1)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _hidden(
    image: np.ndarray, uv: np.ndarray, side: float, rng: np.random.Generator
) -> np.ndarray:
    image = image.copy()
    for _ in range(rng.integers(1, 3)):
        middle = uv[rng.integers(len(uv))] + rng.normal(0, 0.1 * side, 2)
        size, angle = side * rng.uniform(0.2, 0.75, 2), float(rng.uniform(0, 180))
        if rng.random() < 0.5:  # of a colour that the picture has
            colour = image[tuple(rng.integers(image.shape[:2]))] + rng.integers(-20, 20, 3)
        else:
            colour = rng.integers(0, 255, 3)
        corners = cv2.boxPoints((middle.tolist(), size.tolist(), angle)).astype(np.int32)
        cv2.fillPoly(image, [corners], colour.clip(0, 255).tolist())
    return image


def _cut_out(image: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = uv.min(axis=0), uv.max(axis=0)
    extent = max(_AROUND * float((high - low).max()), 16.0)
    factor = min(_SIDE / extent, _LARGEST_FACTOR)
    shift, side = (low + high - extent) / 2, round(extent * factor)
    matrix = np.array([[factor, 0, -factor * shift[0]], [0, factor, -factor * shift[1]]])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(image, matrix, (side, side), flags=method), (uv - shift) * factor


def _region(uv: np.ndarray, jitter: int, rng: np.random.Generator) -> Region:
    """Return the hand's region, as far off as `jitter`, a row of _JITTERS, says."""
    shift, growth, turn = _JITTERS[jitter]
    ideal = Region.from_keypoints(uv)
    u, v = (c + rng.normal(0, shift) * ideal.size for c in ideal.center)
    size = ideal.size * float(np.exp(rng.normal(0, growth)))
    return Region((float(u), float(v)), size, ideal.angle + float(rng.normal(0, turn)))
