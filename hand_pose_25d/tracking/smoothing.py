"""Smoothing: a One-Euro filter for each hand that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.tracking.one_euro import OneEuroFilter, OneEuroParameters


class Smoothing:
    """Filters the metres of tracked hands, or passes them on.  Not thread-safe."""

    def __init__(self, settings: bool | OneEuroParameters) -> None:
        """Take true for the default settings, settings, or false for none.

        Raises TypeError for anything else.
        """
        if not isinstance(settings, (bool, OneEuroParameters)):
            kind = type(settings).__name__
            raise TypeError(f"smoothing must be true, false or OneEuroParameters, got {kind}")
        self._parameters = OneEuroParameters() if settings is True else settings
        self._filters: dict[int, OneEuroFilter] = {}

    def __call__(self, stamp: float, hands: Sequence[HandPose]) -> list[HandPose]:
        """Return the hands of an image, smoothed; pixels and depths stay as they were seen."""
        if not self._parameters:
            return list(hands)
        # A track that is not mentioned has ended: so has its filter.
        self._filters = {
            h.track_id: self._filters.get(h.track_id) or OneEuroFilter(self._parameters)
            for h in hands
        }
        return [self._smooth(stamp, hand) for hand in hands]

    def reset(self) -> None:
        """Forget all hands."""
        self._filters = {}

    def _smooth(self, stamp: float, hand: HandPose) -> HandPose:
        if hand.state == "lost":
            return hand
        points, covariance = self._filters[hand.track_id](stamp, hand.keypoints, hand.covariance)
        return replace(hand, keypoints=points, covariance=covariance)
