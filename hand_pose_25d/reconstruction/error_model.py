"""How the errors of keypoints go together: those of a network, and independent ones.

A network that takes a fingertip for 2 cm nearer than it is takes the joint before it for nearly
as much nearer: most of an error is shared by neighbours and does not change the bones between
them.  And a network answers with something near the mean of what may be true: the truth scatters
about the answer, not the answer about the truth, so that its bones look shorter than they are,
where those of a noisy measurement look longer.

Correlations fall exponentially with the number of steps on a tree of keypoints (fingers as
chains, their knuckles in a row, the wrist two steps from the middle knuckle), with a part that
depths have in common.  The numbers follow held-out rendered crops; see docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hand_pose_25d.skeleton import BONES, FINGERS, NUM_KEYPOINTS, WRIST

_DEPTH_COMMON, _DEPTH_STEPS = 0.35, 3.0
_PIXEL_STEPS = 1.25
_WRIST_STEPS = 2
_TAILS = 1.35
_LENGTHENING = -0.5  # -1 puts people nearer, who are put too near already; see docs/accuracy.md


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """What the covariance of each keypoint alone does not tell."""

    correlation: np.ndarray
    """(3, 21, 21), of the keypoints' dx, dy and e with each other."""
    lengthening: float
    """How much longer bones look than they are: 1 as much as noise makes them, -1 as much shorter
    as the answers of a perfect regressor are."""
    tails: float = 1.0
    """What multiplies the covariance of the result, so that its 95 % ellipsoids hold 95 % of the
    keypoints though errors have heavier tails than a Gaussian's."""

    @cached_property
    def of_ends(self) -> np.ndarray:
        """(4, 2, 2, 20), of the w of both ends of each bone, child and parent, with each other: of
        dx, of dy, of e, and of dx again, for its part of dy."""
        ends = np.array([(child, parent) for parent, child in BONES]).T
        return self.correlation[[0, 1, 2, 0]][:, ends[:, None], ends[None]]

    @cached_property
    def with_ends(self) -> np.ndarray:
        """(2, 3, 21, 20), of each keypoint's w with those of each bone's child, and parent."""
        ends = np.array([(child, parent) for parent, child in BONES]).T
        return np.ascontiguousarray(self.correlation[:, :, ends].transpose(2, 0, 1, 3))

    @cached_property
    def of_coordinates(self) -> np.ndarray:
        """(3, 63, 63), for each w: of that of each coordinate's keypoint with that of each."""
        return self.correlation.repeat(3, axis=1).repeat(3, axis=2)


def _steps() -> np.ndarray:
    """Return the number of steps between keypoints on the tree: (21, 21)."""
    bases = [chain[0] for chain in FINGERS.values()]
    edges = [(WRIST, FINGERS["middle"][0], _WRIST_STEPS)]
    for row in (bases, *FINGERS.values()):
        edges += [(a, b, 1) for a, b in zip(row, row[1:], strict=False)]
    steps = np.full((NUM_KEYPOINTS, NUM_KEYPOINTS), np.inf)
    np.fill_diagonal(steps, 0.0)
    for a, b, length in edges:
        steps[a, b] = steps[b, a] = length
    for via in range(NUM_KEYPOINTS):  # Floyd and Warshall's shortest ways
        steps = np.minimum(steps, steps[:, [via]] + steps[[via]])
    return steps


def _network() -> ErrorModel:
    steps = _steps()
    pixel = np.exp(-steps / _PIXEL_STEPS)
    depth = _DEPTH_COMMON + (1 - _DEPTH_COMMON) * np.exp(-steps / _DEPTH_STEPS)
    return ErrorModel(np.stack([pixel, pixel, depth]), _LENGTHENING, _TAILS)


NETWORK = _network()
"""Errors as those of a network."""
INDEPENDENT = ErrorModel(np.tile(np.eye(NUM_KEYPOINTS), (3, 1, 1)), 1.0)
"""Independent noise on each keypoint."""
