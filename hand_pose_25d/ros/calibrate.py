"""The service ~/calibrate: one person's hand size, from a length that somebody measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.task import Future

from hand_pose_25d.hand import HandPose
from hand_pose_25d.ros.pipeline import Pipeline


async def calibrate(node: Any, pipeline: Pipeline, active: bool) -> str:
    """Measure the hand's size, use it from now on, store it; return a sentence of what was found.

    With the parameter hand_length that length counts and no image is needed; with wrist_distance
    the next images that show exactly one hand are compared with it.

    Raises ValueError that says what is missing, OSError where the file cannot be written.
    """
    settings, estimator = pipeline.settings, pipeline.estimator
    if bool(settings.hand_length) == bool(settings.wrist_distance):
        raise ValueError(
            "set exactly one of the parameters hand_length (wrist to middle fingertip, m) and "
            "wrist_distance (camera to wrist, m) to what you measured, then call again; they are "
            f"{settings.hand_length} and {settings.wrist_distance}"
        )
    before = estimator.hand_scale or 1.0
    if settings.hand_length:
        mean = estimator.prior.hand_length / before
        scale = settings.hand_length / mean
        how = f"hand length {settings.hand_length:.4g} m, the mean is {mean:.4g} m"
    else:
        if not active:
            raise ValueError("with wrist_distance the node must be active: it needs images")
        distances = await _wrist_distances(node, pipeline)
        seen = float(np.median(distances))
        scale = before * settings.wrist_distance / seen
        how = (
            f"wrist at {settings.wrist_distance:.4g} m, seen at {seen:.4g} m before (median of "
            f"{len(distances)} images, standard deviation {float(np.std(distances)):.2g} m)"
        )
    estimator.set_hand_scale(scale, "calibrated")
    path = Path(settings.calibration_file).expanduser().absolute()
    estimator.prior.save(path, calibration=f"{how}", hand_scale=round(scale, 5))
    return f"hand scale {scale:.4f} ({how}); stored: use it again with bone_lengths:={path}"


async def _wrist_distances(node: Any, pipeline: Pipeline) -> list[float]:
    """Collect the wrist's distance from the camera, m, over the images to come."""
    wanted, timeout = pipeline.settings.calibration_images, pipeline.settings.calibration_timeout
    distances: list[float] = []
    done: Future = Future(executor=node.executor)

    def listen(hands: list[HandPose]) -> None:  # in the worker's thread
        seen = [hand for hand in hands if hand.state != "lost"]
        distance = float(np.linalg.norm(seen[0].keypoints[0])) if len(seen) == 1 else np.nan
        if np.isfinite(distance) and len(distances) < wanted:
            distances.append(distance)
            if len(distances) == wanted:
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
    if len(distances) < wanted:
        raise ValueError(
            f"{len(distances)} of {wanted} images with exactly one hand came in {timeout:g} s; "
            "hold one hand still in view, or change calibration_images or calibration_timeout"
        )
    return distances
