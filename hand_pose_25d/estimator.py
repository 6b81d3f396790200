"""HandPoseEstimator: an image and its camera -> hands in metres.  The library's front door."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import check_boxes
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.inference.detection import Detection, HandDetector
from hand_pose_25d.inference.detector import Detector, set_threshold
from hand_pose_25d.inference.hypotheses import complete, refine, search
from hand_pose_25d.inference.landmarks import (
    Landmarks,
    hand_pose,
    lost_hand,
    predict_landmarks,
    solve,
)
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_size import HandSize
from hand_pose_25d.settings import EstimatorSettings
from hand_pose_25d.tracking.association import best_hands
from hand_pose_25d.tracking.one_euro import Smoothing
from hand_pose_25d.tracking.track import Proposal, TrackedHand
from hand_pose_25d.tracking.tracker import Tracker

SPARE = 2  # detections beyond max_hands: the landmark network is the better judge of hands


class HandPoseEstimator:
    """Finds hands and their 21 keypoints in metres.  Safe to share between threads.

    The options are the fields of `EstimatorSettings`, the first six by position, too; or give
    `settings`.  A second call waits until the first is done.  On a CPU the same images in the same
    order give the same numbers.

        camera = Camera.from_yaml("head_camera.yaml")
        estimator = HandPoseEstimator(device="cpu", max_hands=1)
        for hand in estimator.estimate(image, camera):
            print(hand.handedness, hand.keypoints[0])
    """

    def __init__(
        self, *positional: Any, settings: EstimatorSettings | None = None, **options: Any
    ) -> None:
        """Load the networks.

        Raises:
            ValueError, TypeError: a wrong option; the message says what is allowed.
            FileNotFoundError: weights or bone lengths that are not there.
        """
        if settings is None:
            settings = EstimatorSettings(*positional, **options)
        elif positional or options:
            raise TypeError("give settings, or options by themselves, not both")
        self._lock = threading.RLock()
        self._settings = settings
        self._size = HandSize(settings.bone_lengths, settings.hand_scale, settings.population)
        self._network, self._detector = _load_networks(settings)
        self._tracker = Tracker(
            settings.max_hands,
            redetect_interval=settings.redetect_interval,
            presence_threshold=settings.presence_threshold,
        )
        self._smoothing = Smoothing(settings.smoothing)
        self._timings: dict[str, float] = {}

    def estimate(
        self, image: np.ndarray, camera: Camera, boxes: Iterable[Sequence[float]] | None = None
    ) -> list[HandPose]:
        """Find the hands of one image on its own.

        Args:
            image: (H, W, 3) uint8 RGB, not mirrored.
            camera: that took it; its size must be the image's.
            boxes: (x, y, w, h) in pixels, around the hands.  The detector then does not run, and
                there is one hand for each box, in the boxes' order, however low its score.

        Returns:
            The hands, best score first, at most `max_hands`; without any, an empty list.

        Raises:
            TypeError, ValueError: an image, camera or box that is wrong.
        """
        frame = Frame(image, camera)
        given = _detections(boxes, camera)
        with self._lock:
            self._timings = {}
            most = self._settings.max_hands
            found = self._detect(frame)[: most + SPARE] if given is None else given
            with self._timed("landmarks"):
                hands = search(self._network, frame, found)
                if given is None:  # boxes leave the rotation open, so they are refined already
                    hands = refine(self._network, frame, hands, found)
            rows = list(range(len(found)))
            if given is None:
                rows = best_hands(hands.landmarks, self._settings.presence_threshold, most)
            return self._solve(hands.landmarks[rows], hands.p_right[rows])

    def track(
        self,
        image: np.ndarray,
        camera: Camera,
        stamp: float,
        boxes: Iterable[Sequence[float]] | None = None,
    ) -> list[HandPose]:
        """Follow hands through a video: ids, regions from the previous pose, re-detection.

        Args:
            image, camera: as for `estimate`.  A camera of another size resets the tracker.
            stamp: seconds.  One before the last resets the tracker.
            boxes: (x, y, w, h) from another detector, taken instead of ours for this image.

        Returns:
            The hands by track id.  One that is not seen in this image is reported with the state
            "lost" and a pose of NaN; after two such images it is not reported any more.
        """
        frame = Frame(image, camera, stamp)
        given = _detections(boxes, camera)

        def detect(frame: Frame) -> list[Detection]:
            found = self._detect(frame) if given is None else given
            with self._timed("landmarks"):
                return complete(self._network, frame, found)

        with self._lock:
            self._timings = {}
            tracked, landmarks = self._tracker.step(frame, detect, self._observe)
            return self._smoothing(stamp, self._hand_poses(tracked, landmarks))

    def reset(self) -> None:
        """Forget the hands followed by `track`; ids go on counting.  A hand size stays."""
        with self._lock:
            self._tracker.reset()
            self._smoothing.reset()

    def tune(self, **changes: Any) -> None:
        """Change options between two images; None leaves one as it is.

        Raises ValueError or TypeError for a wrong one, and then changes none.
        """
        with self._lock:
            settings = self._settings.tuned(**changes)
            before = self._size.scale, self._size.source
            if changes.get("hand_scale") is not None:
                self._size.set(settings.hand_scale, "configured")
            if changes.get("detector_threshold") is not None:
                try:
                    set_threshold(self._detector, changes["detector_threshold"])
                except ValueError:
                    self._size.set(*before)
                    raise
            if changes.get("smoothing") is not None:
                self._smoothing = Smoothing(settings.smoothing)
            self._tracker.tune(settings.presence_threshold, settings.redetect_interval)
            self._settings = settings

    def set_bone_lengths(
        self, bone_lengths: BoneLengthPrior, source: ScaleSource = "calibrated"
    ) -> None:
        """Take another bone-length prior, such as one person's, from the next image on."""
        with self._lock:
            self._size.use(bone_lengths, source)

    def set_hand_scale(self, hand_scale: float | None, source: ScaleSource = "calibrated") -> None:
        """Set how large the person's hand is over the prior's mean; None: not known any more.

        Raises ValueError for a size that no hand has.
        """
        with self._lock:
            self._size.set(hand_scale, source)

    @property
    def hand_scale(self) -> float | None:
        """Size of the person's hand over the prior's mean, if it is known."""
        return self._size.scale

    @property
    def scale_source(self) -> ScaleSource:
        """Where the metres come from: "prior", "configured" or "calibrated"."""
        return self._size.source

    @property
    def prior(self) -> BoneLengthPrior:
        """The bone-length prior in use, the hand's scale included."""
        return self._size.prior

    @property
    def runtime_name(self) -> str:
        """Backend, device and arithmetic of the pose network, for people."""
        return self._network.name

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that the parts of the last call took: detect, landmarks (with crops), solve."""
        return dict(self._timings)

    def _detect(self, frame: Frame) -> list[Detection]:
        with self._timed("detect"):
            return sorted(self._detector.detect(frame.image), key=lambda d: -d.score)

    def _observe(self, frame: Frame, proposals: Sequence[Proposal]) -> Landmarks:
        regions = [proposal.region for proposal in proposals]
        mirror = [proposal.p_right < 0.5 for proposal in proposals]
        with self._timed("landmarks"):
            return predict_landmarks(self._network, frame, regions, mirror)

    def _solve(
        self, landmarks: Landmarks, p_rights: Sequence[float] | np.ndarray
    ) -> list[HandPose]:
        with self._timed("solve"):
            poses = solve(landmarks, self._size.prior, self._settings.method)
        return [
            replace(hand_pose(landmarks, poses, i, float(p)), scale_source=self._size.source)
            for i, p in enumerate(p_rights)
        ]

    def _hand_poses(self, tracked: Sequence[TrackedHand], landmarks: Landmarks) -> list[HandPose]:
        """Return the tracked hands in metres, lost ones as NaN."""
        seen = [(hand.track_id, hand.index) for hand in tracked if hand.index is not None]
        p_rights = [hand.p_right for hand in tracked if hand.index is not None]
        poses = self._solve(landmarks[[index for _, index in seen]], p_rights)
        by_id = {track_id: pose for (track_id, _), pose in zip(seen, poses, strict=True)}
        return [
            replace(
                by_id.get(hand.track_id) or lost_hand(hand.region, hand.p_right),
                track_id=hand.track_id,
                state=hand.state,
                scale_source=self._size.source,
            )
            for hand in tracked
        ]

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._timings[part] = self._timings.get(part, 0.0) + time.perf_counter() - start


def _signature() -> inspect.Signature:
    """Return the options as the constructor's parameters, for `help` and editors."""
    own = inspect.Parameter(
        "settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="EstimatorSettings"
    )
    return inspect.Signature([*inspect.signature(EstimatorSettings).parameters.values(), own])


HandPoseEstimator.__signature__ = _signature()  # type: ignore[attr-defined]


def _detections(boxes: Iterable[Sequence[float]] | None, camera: Camera) -> list[Detection] | None:
    """Return the boxes that a caller gives as detections of unknown rotation and handedness."""
    return None if boxes is None else [Detection(box) for box in check_boxes(boxes, camera)]


def _load_networks(settings: EstimatorSettings) -> tuple[PoseNetwork, HandDetector]:
    """Make the landmark network and the detector ready to run.

    Raises FileNotFoundError for weights that are not there, ValueError for what does not go
    together.
    """
    network, detector = settings.network, settings.detector
    if not isinstance(network, PoseNetwork):
        network = load_pose_network(
            settings.weights or network,
            settings.device,
            settings.backend,
            settings.precision,
            settings.threads,
        )
    if detector is None or isinstance(detector, (str, Path)):
        detector = Detector(
            settings.device,
            detector,
            backend=settings.backend,
            precision=settings.precision,
            threads=settings.threads,
        )
    if settings.detector_threshold is not None:
        set_threshold(detector, settings.detector_threshold)
    return network, detector
