"""What goes into the tracker and comes out of it: detections, proposals, observations, hands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.hand_pose import TrackState


class DetectionLike(Protocol):
    """What the tracker asks of a detection; `detector.Detection` is one."""

    @property
    def score(self) -> float: ...

    @property
    def right_probability(self) -> float: ...

    def region(self) -> Region: ...


class Proposal(NamedTuple):
    """Where the pose network is to look in this image."""

    track_id: int
    region: Region
    right_probability: float
    """By everything seen so far; below 0.5 the crop is to be mirrored before the pose network."""


@dataclass(frozen=True)
class Observation:
    """What the pose network said of one proposal."""

    track_id: int
    """The proposal's."""
    keypoints_2d: np.ndarray
    """(21, 2) pixels of the image."""
    presence: float
    """Probability that there is a hand, in [0, 1]."""
    right_probability: float = math.nan
    """Probability that it is a right hand, of the image as it is (not mirrored); NaN: unknown."""


@dataclass(frozen=True)
class TrackedHand:
    """What the tracker makes of one hand in this image."""

    track_id: int
    state: TrackState
    """"detected": the region came from the detector; "tracked": from the previous pose; "lost":
    not seen in this image, so there is no pose.  After two such images in a row it is gone."""
    is_right: bool
    """Decided over time."""
    right_probability: float
    region: Region
    """Of the pose, or the predicted one where it is lost."""
    index: int | None
    """Which of the observations given is this hand's.  Where two hands cross it need not be the
    one of its own proposal.  None where the hand is lost."""
    ended: bool = False
    """True in the last image in which this track is mentioned."""


def believed_region(
    seen: Observation, threshold: float, image_size: tuple[int, int] | None
) -> Region | None:
    """Return the region of a pose that is to be believed, else None.

    It is not where the presence is below the threshold, the keypoints are not finite or in one
    place, or the region's centre lies outside `image_size` (width, height).
    Raises ValueError for keypoints of a wrong shape.
    """
    points = np.asarray(seen.keypoints_2d, dtype=float)
    if points.shape != (21, 2):
        raise ValueError(f"keypoints_2d must have the shape (21, 2), got {points.shape}")
    if not seen.presence >= threshold:  # NaN is not believed either
        return None
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1:
        return None
    try:
        region = Region.from_keypoints(points)
    except ValueError:
        return None
    if image_size is not None and not all(
        0 <= c < n for c, n in zip(region.center, image_size, strict=True)
    ):
        return None
    return region
