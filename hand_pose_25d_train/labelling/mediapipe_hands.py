"""MediaPipe (Apache-2.0, The MediaPipe Authors) as a labeller: its hands, and the hands that its
body pose leads to.

MediaPipe Hands names the hand as seen in a mirror (its documentation says so), so its answer is
exchanged here.  The body's hands are named by the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hand_pose_25d.geometry.roi import Region

SMALL_SIDE = 300
"""Images below this side are enlarged three times: MediaPipe's palm detector misses them else."""
_BODY_HANDS = ((15, 17, 19, False), (16, 18, 20, True))
"""Wrist, little and index finger of the body's pose, and whether it is the right hand."""
_VISIBLE = 0.3
_REACH = 4.0
"""A region's size over wrist - knuckles of the body's pose, which is coarse at the hands."""


@dataclass
class TeacherHand:
    """What MediaPipe predicts for one hand."""

    uv: np.ndarray
    """(21, 2) pixels of the photograph."""
    world: np.ndarray
    """(21, 3) metres about the hand's centre, axes of the camera."""
    is_right: bool
    score: float


def _solutions() -> Any:
    try:
        import mediapipe
    except ImportError as error:
        raise ImportError(
            "labels are made with MediaPipe: pip install --no-deps mediapipe==0.10.21"
        ) from error
    return mediapipe.solutions


class Teacher:
    """MediaPipe Hands, for single images."""

    def __init__(self, max_hands: int = 1, min_confidence: float = 0.3) -> None:
        self._hands = _solutions().hands.Hands(
            static_image_mode=True,
            max_num_hands=max_hands,
            model_complexity=1,
            min_detection_confidence=min_confidence,
        )

    def __call__(self, image: np.ndarray) -> list[TeacherHand]:
        """Find hands in an (H, W, 3) uint8 RGB image that is not mirrored."""
        height, width = image.shape[:2]
        scale = 3.0 if min(height, width) < SMALL_SIDE else 1.0
        pad = round(0.25 * max(height, width) * scale) if scale > 1 else 0
        seen = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        seen = cv2.copyMakeBorder(seen, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        result = self._hands.process(seen)
        if not result.multi_hand_landmarks:
            return []
        size = np.array([seen.shape[1], seen.shape[0]], dtype=np.float64)
        hands = []
        for marks, world, handedness in zip(
            result.multi_hand_landmarks,
            result.multi_hand_world_landmarks,
            result.multi_handedness,
            strict=True,
        ):
            uv = _pixels(marks.landmark, size)
            uv = (uv - pad) / scale - 0.5 + 0.5 / scale
            xyz = np.array([(p.x, p.y, p.z) for p in world.landmark])
            name = handedness.classification[0]
            hands.append(TeacherHand(uv, xyz, name.label == "Left", float(name.score)))
        return hands


@dataclass
class BodyHand:
    """A hand where MediaPipe's body pose has one."""

    region: Region
    """By the pose's wrist and knuckles: coarse."""
    is_right: bool
    uv: np.ndarray | None
    """(21, 2) pixels, where its hand network saw a hand in the second crop (hand_recrop)."""


class BodyTeacher:
    """MediaPipe Holistic, for single images: the hands of the one person that it finds.

    It finds small hands of whole persons, which the palm detector of MediaPipe Hands misses.
    """

    def __init__(self) -> None:
        self._holistic = _solutions().holistic.Holistic(static_image_mode=True, model_complexity=1)

    def __call__(self, image: np.ndarray) -> list[BodyHand]:
        """Find the person's hands in an (H, W, 3) uint8 RGB image that is not mirrored."""
        result = self._holistic.process(image)
        if not result.pose_landmarks:
            return []
        size = np.array([image.shape[1], image.shape[0]], dtype=np.float64)
        marks = result.pose_landmarks.landmark
        pose = _pixels(marks, size)
        hands = []
        for wrist, little, index, is_right in _BODY_HANDS:
            seen = result.right_hand_landmarks if is_right else result.left_hand_landmarks
            uv = _pixels(seen.landmark, size) if seen else None
            if min(marks[i].visibility for i in (wrist, little, index)) < _VISIBLE:
                continue
            middle = (2 * pose[index] + pose[little]) / 3
            along = middle - pose[wrist]
            length = max(float(np.hypot(*along)), 2.0)
            angle = float(np.arctan2(along[0], -along[1]))
            region = Region((float(middle[0]), float(middle[1])), _REACH * length, angle)
            hands.append(BodyHand(region, is_right, uv))
        return hands


def _pixels(landmarks: Any, size: np.ndarray) -> np.ndarray:
    """Return normalised landmarks in pixels: (N, 2)."""
    return np.array([(p.x, p.y) for p in landmarks]) * size
