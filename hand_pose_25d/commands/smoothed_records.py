"""Records of a whole video, their hands smoothed both ways.

While a video is worked on, each hand's record has its covariance, too, so that a run that goes on
has it of all images.  When the records become the JSON file, positions are smoothed over all of a
track, and deviations take the covariance's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hand_pose_25d.archive.smoothing import smooth_track
from hand_pose_25d.hand_pose import HandPose

COVARIANCE = "covariance"
"""Key of six numbers a keypoint, m^2: xx, xy, xz, yy, yz, zz."""
_UPPER = np.triu_indices(3)


def covariance_record(hand: HandPose) -> dict[str, Any]:
    """Return what a hand's record needs besides, as JSON's types; unknown numbers are None."""
    values = hand.covariance[:, _UPPER[0], _UPPER[1]]
    return {
        COVARIANCE: [
            [float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in values
        ]
    }


def smoothed_records(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of a video's images with smoothed keypoints and their deviations.

    Hands seen in one image alone, lost ones, and all but keypoints and deviations stay as they
    are; those given are not changed.
    """
    tracks: dict[int, list[tuple[float, dict[str, Any]]]] = {}
    found = []
    for record in records:
        hands = [dict(hand) for hand in record["hands"]]
        found.append({**record, "hands": hands})
        for hand in hands:
            rows = tracks.setdefault(hand["track_id"], [])
            if hand["state"] != "lost" and (not rows or record["stamp"] > rows[-1][0]):
                rows.append((record["stamp"], hand))
    for rows in tracks.values():
        if len(rows) > 1:
            _smooth(np.array([stamp for stamp, _ in rows]), [hand for _, hand in rows])
    for record in found:
        for hand in record["hands"]:
            hand.pop(COVARIANCE, None)
    return found


def _smooth(stamps: np.ndarray, hands: list[dict[str, Any]]) -> None:
    """Replace the keypoints and deviations of one track's hands."""
    points = np.array([hand["keypoints"] for hand in hands], dtype=np.float64)  # None becomes NaN
    spread = np.empty((*points.shape, 3))
    for i, hand in enumerate(hands):
        upper = np.array(hand[COVARIANCE], dtype=np.float64)
        spread[i][:, _UPPER[0], _UPPER[1]] = upper
        spread[i][:, _UPPER[1], _UPPER[0]] = upper
    smooth = smooth_track(stamps, points, spread)
    deviation = np.sqrt(np.diagonal(smooth.covariance, axis1=2, axis2=3))
    for hand, position, sigma in zip(hands, smooth.keypoints, deviation, strict=True):
        seen = [point[0] is not None for point in hand["keypoints"]]
        for key, values in (("keypoints", position), ("deviation", sigma)):
            rows = zip(hand[key], values, seen, strict=True)
            hand[key] = [_rounded(row) if there else old for old, row, there in rows]


def _rounded(row: np.ndarray) -> list[float]:
    return [round(float(v), 5) for v in row]
