"""Photographs of people for the detector: real hands where people have them, and what is none.

Every hand of such a photograph must be known, or it would teach the detector to overlook hands:
`datasets/marks/people_hands.yaml` has the keypoints of those that can be told, and boxes around
what may be a hand, of which nothing is asked.  What is left are faces, clothes, feet and things.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.datasets.people import people_photos
from hand_pose_25d_train.training.detector.scenes import Scene, SceneHand
from hand_pose_25d_train.training.detector.targets import KNUCKLES

LABELS = Path(__file__).resolve().parents[2] / "datasets" / "marks" / "people_hands.yaml"
"""Hands of the photographs of people that `evaluate people` does not use."""

ZOOM = (0.78, 6.0)
"""Of the crops of them (`AugmentedScenes`): they have more pixels than rendered scenes, and people
stand further away."""


class PeoplePhotos:
    """Photographs of people and what is known of the hands in them."""

    def __init__(self, folder: Path, labels: Path | None = None) -> None:
        """Read all photographs that the labels name; default: `LABELS`.

        Raises FileNotFoundError where one is missing, ValueError where one is no image or the
        labels are damaged.
        """
        labels = labels or LABELS
        try:
            self._scenes = [
                Scene(_sized(image, scale), [_hand(mark) for mark in marks])
                for image, scale, marks in people_photos(folder, labels)
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{labels}: needs longer_side and photographs, lists of hands by the file's name "
                f"({error!r})"
            ) from error

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, index: int) -> Scene:
        return self._scenes[index]


def _sized(image: np.ndarray, scale: float) -> np.ndarray:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=method)


def _hand(entry: dict[str, Any]) -> SceneHand:
    """Make a hand of {"uv": 21 pairs, "right": bool}, or of {"box": left, top, right, bottom}."""
    if "box" in entry:
        left, top, right, bottom = (float(v) for v in entry["box"])
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        uv = np.resize(corners, (NUM_KEYPOINTS, 2))
        # Nothing is asked of a hand that is not seen; its palm is in the middle of the box.
        uv[0], uv[list(KNUCKLES)] = ((left + right) / 2, bottom), ((left + right) / 2, top)
        return SceneHand(uv, is_right=True, visible=0.0)
    uv = np.array(entry["uv"], dtype=np.float64)
    if uv.shape != (NUM_KEYPOINTS, 2) or not np.isfinite(uv).all():
        raise ValueError(f"a hand's uv must be {NUM_KEYPOINTS} pairs of pixels, is {uv.shape}")
    return SceneHand(uv, bool(entry["right"]))
