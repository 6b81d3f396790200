"""From an image message to published hands: what the worker thread does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.inference.networks_by_use import VIDEO
from hand_pose_25d.io.rectification import rotated
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.ros.cameras import CameraInfos
from hand_pose_25d.ros.depth_images import DepthImages, depth_of
from hand_pose_25d.ros.detections import TopicDetector
from hand_pose_25d.ros.diagnostics import Complaints, Statistics
from hand_pose_25d.ros.images import (
    InputError,
    compressed_size,
    compressed_to_rgb,
    image_to_rgb,
)
from hand_pose_25d.ros.messages import seconds
from hand_pose_25d.ros.outputs import Outputs
from hand_pose_25d.ros.parameters import Settings
from hand_pose_25d.settings import options
from hand_pose_25d.tracking.clock import OUT_OF_ORDER


class Pipeline:
    """Estimator and publishers of a configured node.

    What other threads want changed is done before the next image: nobody waits for the image
    being worked on.
    """

    def __init__(
        self,
        settings: Settings,
        infos: CameraInfos,
        outputs: Outputs,
        *,
        clock: Callable[[], float],
        statistics: Statistics,
        complaints: Complaints,
        logger: Any,
    ) -> None:
        """Load the networks.  Raises ValueError, OSError or RuntimeError: what is wrong."""
        if settings.use_depth and settings.estimator.method != "map":
            raise ValueError("use_depth needs the method map: closed_form knows no depth")
        self.settings = settings
        self.topic_detector = (
            None
            if settings.detections_type == "none"
            else TopicDetector(settings.detections_max_age)
        )
        estimator = settings.estimator
        if self.topic_detector is not None:  # its detections' scores are its own
            estimator = replace(estimator, detector=self.topic_detector, detector_threshold=None)
        self.estimator = HandPoseEstimator(settings=estimator)
        self._infos = infos
        self._outputs = outputs
        self.depths = DepthImages()
        self._clock, self._statistics = clock, statistics
        self._complaints, self._logger = complaints, logger
        self._stamp: float | None = None
        self._changes: deque[Callable[[], None]] = deque()  # to be made before the next image
        self.listeners: list[Callable[[list[HandPose]], None]] = []

    @property
    def description(self) -> str:
        """What runs, for people."""
        return f"{self.settings.estimator.weights or VIDEO} on {self.estimator.runtime_name}"

    def reset(self) -> None:
        """Forget the tracks, from the next image on."""
        self._changes.append(self._forget)

    def calibrated(self, prior: BoneLengthPrior) -> None:
        """Take a person's bone lengths, from the next image on."""
        self._changes.append(lambda: self.estimator.set_bone_lengths(prior, "calibrated"))

    def _forget(self) -> None:
        self.estimator.reset()
        self._stamp = None

    def process(self, message: Any) -> None:
        """Work on one image message and publish; whatever goes wrong is reported, never raised."""
        started = time.perf_counter()
        try:
            while self._changes:
                self._changes.popleft()()
            self._process(message, started)
        except InputError as error:
            self._statistics.count("unusable")
            self._complaints.report(error.kind, str(error))
        except Exception as error:
            self._statistics.count("failed")
            self._complaints.report(
                f"failure {type(error).__name__}",
                f"an image could not be worked on: {type(error).__name__}: {error}",
            )

    def _process(self, message: Any, started: float) -> None:
        header, stamp = message.header, seconds(message.header.stamp)
        image, camera = self._read(message)
        rotation = self._infos.rectification(header, self.settings.rectified)
        height, width = image.shape[:2]
        late = 0.0 if self._stamp is None else self._stamp - stamp
        if late > OUT_OF_ORDER:
            self._statistics.count("clock_jumps")
            self._logger.info(f"Stamps went back by {late:.3f} s: tracks forgotten")
            self._forget()
        elif late > 0:
            self._complaints.report(
                "late",
                f"an image comes {late:.3f} s late, after a newer one (out-of-order delivery, or "
                "two publishers): it is answered and the tracks are kept",
            )
        self._stamp = stamp if self._stamp is None else max(stamp, self._stamp)
        depth = self._depth(stamp, width, height)
        hands = rotated(self.estimator.track(image, camera, stamp, depth=depth), rotation)
        self._outputs.publish_hands(hands, header, width, height)
        if depth is not None:
            self._judge_depth(hands)
        self._statistics.published(
            len(hands),
            processing=time.perf_counter() - started,
            age=self._clock() - stamp,
            steps=self.estimator.timings,
        )
        for listener in list(self.listeners):
            listener(hands)
        self._outputs.publish_pictures(image, hands, header, self.settings)

    def _depth(self, stamp: float, width: int, height: int) -> np.ndarray | None:
        """Return the depth image that belongs to an image; None where none can be used."""
        if not self.settings.use_depth:
            return None
        try:
            message = self.depths.find(stamp, self.settings.depth_tolerance)
            depth = depth_of(message, width, height)
        except InputError as error:
            self._complaints.report(error.kind, str(error))
            self._statistics.count("without_depth")
            return None
        self._statistics.count("with_depth")
        return depth

    def _judge_depth(self, hands: list[HandPose]) -> None:
        """Say so where a hand's depth is not to be believed."""
        for hand in hands:
            if hand.state != "lost" and hand.depth_keypoints == 0:
                self._complaints.report(
                    "depth misfit",
                    f"depth does not count for hand {hand.track_id}: too few surfaces fit its "
                    "pose (holes, things before it, or depth that is not registered to the image)",
                )

    def _read(self, message: Any) -> tuple[np.ndarray, Camera]:
        """Return a message's (H, W, 3) uint8 RGB pixels and the camera that took them.

        A compressed image whose header does not fit its CameraInfo is not decoded.
        """
        header, rectified = message.header, self.settings.rectified
        if hasattr(message, "format"):
            width, height = compressed_size(message)
            camera = self._infos.camera(header, width, height, rectified)
            return compressed_to_rgb(message), camera
        image = image_to_rgb(message)
        return image, self._infos.camera(header, image.shape[1], image.shape[0], rectified)

    def apply(self, settings: Settings) -> None:
        """Take on the parameters that can change while the node runs, from the next image on.

        Raises ValueError where the estimator refuses one; nothing changes then.
        """
        old, new = self.settings.estimator, settings.estimator
        changes = {
            name: getattr(new, name)
            for name, option in options().items()
            if option.runtime and getattr(new, name) != getattr(old, name)
        }
        if new.hand_scale is not None:
            self.estimator.check_hand_scale(new.hand_scale)
        if self.topic_detector is not None:
            changes.pop("detector_threshold", None)
            self.topic_detector.max_age = settings.detections_max_age
        if changes:
            self._changes.append(lambda: self._tune(changes))
        self.settings = settings

    def _tune(self, changes: dict[str, Any]) -> None:
        self.estimator.tune(**changes)
        if "hand_scale" in changes and changes["hand_scale"] is None:
            self.estimator.set_hand_scale(None, "configured")
