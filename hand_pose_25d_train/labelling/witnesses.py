"""Witnesses of a hand in a photograph: two networks on crops at several scales and rotations.

One is the shipped pose network, which knows right hands; the other is MediaPipe's landmark
network, which knows both, so that it also sees the mirror image of every crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.landmarks import Landmarks, predict_landmarks
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d_train.networks.mediapipe_pose import REFERENCE_LENGTH, mediapipe_landmarks

OURS = ((1.0, 0.0), (0.9, -0.35), (1.15, 0.35))
"""Factors of the region's size and rotations, radians, of the crops that ours sees."""
THEIRS = ((1.05, 0.1),)
"""The same for MediaPipe's network, which sees each crop and its mirror image."""


@dataclass(frozen=True)
class Testimony:
    """What the witnesses say of one region of a photograph, which holds a hand or none."""

    ours: np.ndarray
    """(21, 2) pixels, the mean of ours."""
    theirs: np.ndarray
    """(21, 2) pixels, the mean of MediaPipe's."""
    spread: float
    """Of ours about their mean, the mean distance over the box's longer side."""
    their_spread: float
    presence: float
    """By ours, the mean of the probabilities."""
    their_presence: float
    p_right: float
    """By ours, from the mean of the logits."""
    their_p_right: float
    depth: np.ndarray
    """(21,) root-relative depths by MediaPipe, over its bone wrist - index MCP."""

    @property
    def uv(self) -> np.ndarray:
        """(21, 2) pixels: the mean of both."""
        return (self.ours + self.theirs) / 2

    @property
    def side(self) -> float:
        """Pixels: the longer side of the box around the hand."""
        return float(max(np.ptp(self.uv, axis=0).max(), 1e-9))

    @property
    def disagreement(self) -> float:
        """Mean distance of both over the box's longer side."""
        return float(np.linalg.norm(self.ours - self.theirs, axis=-1).mean()) / self.side

    @property
    def world(self) -> np.ndarray:
        """(21, 3) metres about the hand's centre: pixels and MediaPipe's depths, a wrist - index
        MCP of the usual length."""
        flat = self.uv - self.uv[0]
        bone = np.hypot(*(flat[5] - flat[0])), self.depth[5]
        pixels = max(bone[0], 0.2 * self.side) / max(math.sqrt(max(1 - bone[1] ** 2, 0.0)), 0.3)
        xyz = np.column_stack([flat / pixels, self.depth]) * REFERENCE_LENGTH
        return np.asarray(xyz - xyz.mean(axis=0))


class Witnesses:
    """Both networks, ready to run."""

    def __init__(self, weights: str = "accurate") -> None:
        """Load them; `weights`: the name or file of ours."""
        self.ours = load_pose_network(weights, "cpu")
        self.theirs = load_pose_network(mediapipe_landmarks(), "cpu", "onnxruntime")

    def __call__(self, frame: Frame, regions: Sequence[Region], right: Sequence[bool]):
        """Return the testimony of each region; `right`: taken for right hands."""
        ours = self._see(self.ours, frame, regions, [not r for r in right], OURS)
        plain = self._see(self.theirs, frame, regions, [False] * len(regions), THEIRS)
        mirrored = self._see(self.theirs, frame, regions, [True] * len(regions), THEIRS)
        return [
            _testimony(ours[_rows(i, OURS)], plain[_rows(i, THEIRS)] + mirrored[_rows(i, THEIRS)])
            for i in range(len(regions))
        ]

    @staticmethod
    def _see(
        network: PoseNetwork,
        frame: Frame,
        regions: Sequence[Region],
        mirror: Sequence[bool],
        crops: Sequence[tuple[float, float]],
    ) -> Landmarks:
        varied = [
            replace(region, size=region.size * factor, angle=region.angle + turn)
            for region in regions
            for factor, turn in crops
        ]
        return predict_landmarks(network, frame, varied, np.repeat(mirror, len(crops)))


def _rows(index: int, crops: Sequence[tuple[float, float]]) -> list[int]:
    return list(range(index * len(crops), (index + 1) * len(crops)))


def _testimony(ours: Landmarks, theirs: Landmarks) -> Testimony:
    means = [seen.extended_2d.mean(axis=0) for seen in (ours, theirs)]
    side = max(float(np.ptp(means[0], axis=0).max()), 1e-9)
    spreads = [
        float(np.linalg.norm(seen.extended_2d - mean, axis=-1).mean()) / side
        for seen, mean in zip((ours, theirs), means, strict=True)
    ]
    presences = [float(seen.presence.mean()) for seen in (ours, theirs)]
    p_rights = [_mean_of_odds(seen.p_right) for seen in (ours, theirs)]
    return Testimony(
        means[0], means[1], spreads[0], spreads[1], presences[0], presences[1],
        p_rights[0], p_rights[1], theirs.prediction.depth.mean(axis=0),
    )  # fmt: skip


def _mean_of_odds(p: np.ndarray) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(1 / (1 + np.exp(-np.mean(np.log(p / (1 - p))))))
