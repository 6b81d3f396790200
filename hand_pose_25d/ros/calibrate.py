"""The service ~/calibrate: hand-size calibration, from a length that somebody measured.

What it found outlives the pipeline it was found with: a node that is cleaned up and configured
again goes on with it, where the parameters of the hand's size are as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.task import Future

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.sources import expand
from hand_pose_25d.reconstruction import hand_calibration
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_size import HandSize
from hand_pose_25d.ros.pipeline import Pipeline


class KnownSize:
    """The bone lengths that were calibrated last, and the parameters they were an answer to."""

    def __init__(self) -> None:
        """Begin with none."""
        self._prior: BoneLengthPrior | None = None
        self._given: tuple[Any, ...] = ()

    def keep(self, prior: BoneLengthPrior, pipeline: Pipeline) -> None:
        """Take note of a calibration, and have the pipeline use it."""
        self._prior, self._given = prior, _given(pipeline)
        pipeline.calibrated(prior)

    def restore(self, pipeline: Pipeline) -> None:
        """Have a new pipeline use it, unless its parameters say another thing than then."""
        if self._prior is not None and self._given == _given(pipeline):
            pipeline.calibrated(self._prior)


def _given(pipeline: Pipeline) -> tuple[Any, ...]:
    """Return what a user says of the hand's size."""
    settings = pipeline.settings.estimator
    return settings.bone_lengths, settings.population, settings.hand_scale


async def calibrate_for_node(node: Any, pipeline: Pipeline, known: KnownSize, active: bool) -> str:
    """Measure the hand's size, use it from now on, store it; return a sentence of what was found.

    With the parameter hand_length that length counts and no image is needed; with wrist_distance
    the next images that show exactly one hand are compared with it.

    Raises ValueError that says what is missing, OSError where the file cannot be written.
    """
    settings, estimator = pipeline.settings, pipeline.settings.estimator
    length, distance = settings.hand_length or None, settings.wrist_distance or None
    if (length is None) == (distance is None):
        raise ValueError(
            "set exactly one of the parameters hand_length (wrist to middle fingertip, m) and "
            "wrist_distance (camera to wrist, m) to what you measured, then call again; they are "
            f"{settings.hand_length} and {settings.wrist_distance}"
        )
    keypoints = None
    if distance is not None:
        if not active:
            raise ValueError("with wrist_distance the node must be active: it needs images")
        keypoints = await _keypoints(node, pipeline)
    prior = HandSize(estimator.bone_lengths, population=estimator.population).prior
    found = hand_calibration.calibrate(
        keypoints, prior, hand_length=length, wrist_distance=distance
    )
    path = expand(settings.calibration_file).absolute()
    found.save(path)
    known.keep(found.prior, pipeline)
    return (
        f"hand length {found.hand_length:.4f} m, {found.scale:.4f} of the mean ({found.method}); "
        f"in use, and stored: start with bone_lengths:={path} next time"
    )


async def _keypoints(node: Any, pipeline: Pipeline) -> np.ndarray:
    """Collect the hand's keypoints over the images to come: (F, 21, 3) m."""
    wanted, timeout = pipeline.settings.calibration_images, pipeline.settings.calibration_timeout
    seen: list[np.ndarray] = []
    done: Future = Future(executor=node.executor)

    def listen(hands: list[HandPose]) -> None:  # in the worker's thread
        present = [hand for hand in hands if hand.state != "lost"]
        if len(present) != 1 or len(seen) >= wanted:
            return
        if np.isfinite(present[0].keypoints).all():
            seen.append(present[0].keypoints)
            if len(seen) == wanted and not done.done():
                done.set_result(None)

    def give_up() -> None:
        if not done.done():
            done.set_result(None)

    timer = node.create_timer(timeout, give_up, clock=Clock(clock_type=ClockType.STEADY_TIME))
    pipeline.listeners.append(listen)
    try:
        await done
    finally:
        pipeline.listeners.remove(listen)
        node.destroy_timer(timer)
    if len(seen) < wanted:
        raise ValueError(
            f"{len(seen)} of {wanted} images with exactly one hand came in {timeout:g} s; hold "
            "one hand still in view, or change calibration_images or calibration_timeout"
        )
    return np.array(seen)
