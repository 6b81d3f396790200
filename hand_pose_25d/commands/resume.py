"""Going on inside a video: images done before are taken from their records, and hands in the
others keep the ids that they had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.json import hand_from_dict

SEEN_AGAIN = 30
"""Images before the first new one that are tracked again, so that the tracker knows the hands."""
SAME_HAND_SHARE = 0.5
"""Of a hand's box: as far as a keypoint may be, on average, for two hands to be the same."""


class ResumedVideo:
    """The hands of a video's images, one after the other from the first on."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        """`records`: those of an earlier run, of the first images; there may be none."""
        self._records = list(records)
        ids = (hand["track_id"] for record in records for hand in record["hands"])
        self._next = 1 + max(ids, default=0)
        self._known: dict[int, int] = {}
        self._at = 0

    def next(self, track: Callable[[], list[HandPose]]) -> tuple[list[HandPose], bool]:
        """Return the next image's hands, and whether they are of the earlier run.

        `track`: has the estimator follow the hands into this image; called where that is needed.
        """
        at, self._at = self._at, self._at + 1
        done = len(self._records)
        if at >= done:
            return [self._named(hand) for hand in track()], False
        stored = [hand_from_dict(hand) for hand in self._records[at]["hands"]]
        if at >= done - SEEN_AGAIN:
            self._meet(track(), stored)
        return stored, True

    def _meet(self, hands: list[HandPose], stored: list[HandPose]) -> None:
        """Take note of which of the earlier run's hands the tracker's are."""
        pairs = sorted((_distance(a, b), a.track_id, b.track_id) for a in hands for b in stored)
        left = {hand.track_id for hand in hands}
        free = {hand.track_id for hand in stored}
        for distance, ours, theirs in pairs:
            if distance < SAME_HAND_SHARE and ours in left and theirs in free:
                self._known = {k: v for k, v in self._known.items() if v != theirs}
                self._known[ours] = theirs
                left.remove(ours)
                free.remove(theirs)

    def _named(self, hand: HandPose) -> HandPose:
        """Return the hand with the earlier run's id, or a new one."""
        if not self._records or not hand.track_id:
            return hand
        if hand.track_id not in self._known:
            self._known[hand.track_id] = self._next
            self._next += 1
        return replace(hand, track_id=self._known[hand.track_id])


def _distance(a: HandPose, b: HandPose) -> float:
    """Return the mean distance of two hands' keypoints over the size of the second one's box."""
    if not (np.isfinite(a.keypoints_2d).all() and np.isfinite(b.keypoints_2d).all()):
        return float("inf")
    pixels = np.linalg.norm(a.keypoints_2d - b.keypoints_2d, axis=1).mean()
    return float(pixels) / max(*b.box[2:], 1.0)
