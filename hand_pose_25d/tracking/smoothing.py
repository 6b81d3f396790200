"""Smoothing: a motion filter for each tracked hand, or none; velocities come with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hand_pose_25d.geometry.vectors import blocks_on_diagonal
from hand_pose_25d.geometry.wrist_frame import palm_of
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import WRIST
from hand_pose_25d.tracking.motion_filter import MotionFilter
from hand_pose_25d.tracking.motion_modes import MotionParameters


class Smoothing:
    """Filters the hands of a video, and tells how fast they move.  Not thread-safe."""

    def __init__(self, settings: bool | MotionParameters) -> None:
        """Take true for the default settings, settings, or false for velocities alone.

        Raises TypeError for anything else.
        """
        if not isinstance(settings, (bool, MotionParameters)):
            kind = type(settings).__name__
            raise TypeError(f"smoothing must be true, false or MotionParameters, got {kind}")
        self._positions = bool(settings)
        self._parameters = settings if isinstance(settings, MotionParameters) else None
        self._filters: dict[int, MotionFilter] = {}

    def __call__(
        self, stamp: float, hands: Sequence[HandPose], size_variance: float = 0.0
    ) -> list[HandPose]:
        """Return the hands of an image with velocities and, if that is wanted, smoothed.

        Pixels and relative depths stay as they were seen.  size_variance: of the logarithm of the
        hands' size, which is common to all images.
        """
        # A track that is not reported has ended: so has its filter.
        self._filters = {
            h.track_id: self._filters.get(h.track_id) or MotionFilter(self._parameters)
            for h in hands
        }
        return [self._filtered(stamp, hand, size_variance) for hand in hands]

    def reset(self) -> None:
        """Forget all hands."""
        self._filters = {}

    def _filtered(self, stamp: float, hand: HandPose, size_variance: float) -> HandPose:
        if hand.state == "lost":
            return hand
        found = self._filters[hand.track_id](
            stamp, hand.keypoints, hand.covariance, hand.palm_covariance, size_variance
        )
        velocity, joint = found.velocity[WRIST], hand.joint_covariance
        if not self._positions:
            return replace(hand, wrist_velocity=velocity)
        if joint is None:
            covariance, palm = found.covariance, found.palm_covariance
        else:
            joint = found.shrunk(joint)
            covariance, palm = blocks_on_diagonal(joint), palm_of(joint)
        return replace(
            hand,
            keypoints=found.keypoints,
            covariance=covariance,
            palm_covariance=palm,
            joint_covariance=joint,
            wrist_velocity=velocity,
        )
