"""HandPoseEstimator: an image and its camera -> hands in metres.  The library's front door."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.inference.checks import check_boxes, check_fraction, check_image
from hand_pose_25d.inference.detector import (
    Detection,
    Detector,
    HandDetector,
    detections_from_boxes,
    set_threshold,
)
from hand_pose_25d.inference.hypotheses import complete, refine, search
from hand_pose_25d.inference.landmarks import Views, hand_pose, lost_hand, solve
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_size import HandSize
from hand_pose_25d.reconstruction.reconstruct import Method
from hand_pose_25d.tracking.association import same_hand
from hand_pose_25d.tracking.following import observe
from hand_pose_25d.tracking.one_euro import OneEuroParameters
from hand_pose_25d.tracking.smoothing import Smoothing
from hand_pose_25d.tracking.tracker import Tracker

SPARE = 2  # beyond max_hands: the pose network is the better judge of what is a hand


class HandPoseEstimator:
    """Finds hands and their 21 keypoints in metres.  Safe to share between threads.

    A second call waits until the first is done.  On a CPU the same images in the same order give
    the same numbers.
    """

    def __init__(
        self,
        device: str = "auto",
        weights: str | Path | None = None,
        detector: HandDetector | str | Path | None = None,
        max_hands: int = 2,
        bone_lengths: BoneLengthPrior | str | Path | None = None,
        hand_scale: float | None = None,
        *,
        population: str | None = None,
        network: object = "realtime",
        backend: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        method: Method = "map",
        detector_threshold: float | None = None,
        presence_threshold: float = 0.5,
        redetect_interval: float = 1.0,
        smoothing: bool | OneEuroParameters = False,
    ) -> None:
        """Load the networks.

        Args:
            device: "auto" (CUDA where torch sees it, else the CPU), "cpu", "cuda", "cuda:N".
            weights: of the pose network, instead of the shipped ones: a .safetensors file, or a
                graph by `hand-pose-25d export` (.onnx, .xml, .pt).
            detector: the same of the detector, or an object with
                `detect(image) -> list[Detection]`; default: the shipped detector.
            max_hands: the most hands reported in an image (given boxes are all answered).
            bone_lengths: the hand's bone-length prior, or a YAML file of one; default:
                `population`'s.
            hand_scale: size of the person's hand over the prior's mean, where it is known.
            population: whose hands are seen, where bone_lengths are not given: adult (default),
                man, woman, child or anyone; docs/hand_size.md says what they are.
            network: name of shipped weights, a torch module or a `PoseNetwork`.
            backend, precision, threads: see `inference/load.py`; of both networks.
            method: "map", or "closed_form" for the paper to the letter; see
            reconstruction/reconstruct.py.
            detector_threshold: score from which on our detector reports something, in (0, 1);
                lower finds more hands and more of what is none.  Default: the detector's own.
            presence_threshold: presence from which on something counts as a hand, in (0, 1).
            redetect_interval: seconds between detections while all `max_hands` hands are followed.
            smoothing: true, or its settings, puts a One-Euro filter on the metres of `track`.

        Raises:
            ValueError, TypeError: a wrong option; the message says what is allowed.
            FileNotFoundError: weights or bone lengths that are not there.
        """
        self._lock = threading.RLock()
        self._size = HandSize(bone_lengths, hand_scale, population)
        if method not in ("map", "closed_form"):
            raise ValueError(f"method must be map or closed_form, got {method!r}")
        self._method = method
        check_fraction("presence_threshold", presence_threshold)
        self._tracker = Tracker(
            max_hands, redetect_interval=redetect_interval, presence_threshold=presence_threshold
        )
        if isinstance(network, PoseNetwork):
            self._runtime = network
        else:
            self._runtime = load_pose_network(
                weights or network, device, backend, precision, threads
            )
        if detector is None or isinstance(detector, (str, Path)):
            detector = Detector(
                device, detector, backend=backend, precision=precision, threads=threads
            )
        if detector_threshold is not None:
            set_threshold(detector, detector_threshold)
        if not callable(getattr(detector, "detect", None)):
            kind = type(detector).__name__
            raise TypeError(f"detector must be a path or have a method detect(image), not {kind}")
        self._detector: HandDetector = detector
        self._smoothing = Smoothing(smoothing)
        self._image_size: tuple[int, int] | None = None
        self._timings: dict[str, float] = {}

    def estimate(
        self, image: np.ndarray, camera: Camera, boxes: Iterable[Sequence[float]] | None = None
    ) -> list[HandPose]:
        """Find the hands of one image on its own.

        Args:
            image: (H, W, 3) uint8 RGB, not mirrored.
            camera: that took it; its size must be the image's.
            boxes: (x, y, w, h) in pixels, around the hands.  The detector is then not asked, and
                there is one hand for each box, in the boxes' order, however low its score.

        Returns:
            The hands, best score first, at most `max_hands`; without any, an empty list.

        Raises:
            TypeError, ValueError: an image, camera or box that is wrong.
        """
        image = check_image(image, camera)
        given = None if boxes is None else detections_from_boxes(check_boxes(boxes, camera))
        with self._lock:
            self._timings = {}
            most = self._tracker.max_hands
            found = self._detect(image)[: most + SPARE] if given is None else given
            with self._timed("look"):
                hands = search(self._runtime, image, camera, found)
                if given is None:  # boxes have been looked at twice
                    hands = refine(self._runtime, image, camera, hands, found)
            rows = list(range(len(found))) if given is not None else self._distinct(hands.views)
            return self._solve(hands.views[rows], hands.right[rows])

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
            boxes: (x, y, w, h) from another detector, asked instead of ours about this image.

        Returns:
            The hands by track id.  One that is not seen in this image is mentioned with the state
            "lost" and a pose of NaN; after two such images it is not mentioned any more.
        """
        image = check_image(image, camera)
        given = None if boxes is None else detections_from_boxes(check_boxes(boxes, camera))
        size = (camera.width, camera.height)
        with self._lock:
            self._timings = {}
            if self._image_size not in (None, size):
                self.reset()
            self._image_size = size
            asked = self._tracker.needs_detection(stamp)
            if asked:
                self._find(image, camera, stamp, given)
            with self._timed("look"):
                views, seen = observe(self._runtime, self._tracker, image, camera, stamp)
            missing = self._tracker.missing(seen, size)
            if missing and not asked:  # gone another way than thought: look for it now
                self._find(image, camera, stamp, given, missing)
            if missing and self._tracker.retry(missing):
                with self._timed("look"):
                    views, seen = observe(self._runtime, self._tracker, image, camera, stamp)
            tracked = self._tracker.update(stamp, seen, size)
            there = [(hand, hand.index) for hand in tracked if hand.index is not None]
            rights = [hand.right_probability for hand, _ in there]
            poses = self._solve(views[[i for _, i in there]], rights)
            by_id = {hand.track_id: pose for (hand, _), pose in zip(there, poses, strict=True)}
            for hand in tracked:
                pose = by_id.get(hand.track_id) or lost_hand(hand.region, hand.right_probability)
                by_id[hand.track_id] = replace(
                    pose,
                    track_id=hand.track_id,
                    state=hand.state,
                    scale_source=self._size.source,
                )
            return self._smoothing(stamp, [by_id[hand.track_id] for hand in tracked])

    def reset(self) -> None:
        """Forget the hands followed by `track`; ids go on counting.  A calibration stays."""
        with self._lock:
            self._tracker.reset()
            self._smoothing.reset()
            self._image_size = None

    def tune(
        self,
        presence_threshold: float | None = None,
        redetect_interval: float | None = None,
        smoothing: bool | OneEuroParameters | None = None,
        detector_threshold: float | None = None,
    ) -> None:
        """Change options between two images; None leaves one as it is.

        Raises ValueError for a wrong one, and then changes none.
        """
        with self._lock:
            tracker = self._tracker
            threshold, interval = presence_threshold, redetect_interval
            threshold = tracker.presence_threshold if threshold is None else threshold
            interval = tracker.redetect_interval if interval is None else interval
            Tracker(1, redetect_interval=interval, presence_threshold=threshold)  # checks them
            calmed = self._smoothing if smoothing is None else Smoothing(smoothing)
            if detector_threshold is not None:
                set_threshold(self._detector, detector_threshold)
            self._smoothing = calmed
            tracker.presence_threshold = tracker.start_threshold = threshold
            tracker.redetect_interval = interval

    def set_bone_lengths(
        self, bone_lengths: BoneLengthPrior, source: ScaleSource = "calibrated"
    ) -> None:
        """Take another bone-length prior, such as one person's, from the next image on."""
        with self._lock:
            self._size.use(bone_lengths, source)

    def set_hand_scale(self, hand_scale: float | None, source: ScaleSource = "calibrated") -> None:
        """Say how large the person's hand is over the prior's mean; None: not known any more.

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
        return self._runtime.name

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that the parts of the last call took: detect, look (crops, network), solve."""
        return dict(self._timings)

    def _find(
        self,
        image: np.ndarray,
        camera: Camera,
        stamp: float,
        given: list[Detection] | None,
        missing: Collection[int] = (),
    ) -> None:
        """Let the tracker know what the detector, or the caller, sees in an image."""
        found = self._detect(image) if given is None else given
        with self._timed("look"):
            found = complete(self._runtime, image, camera, found)
        self._tracker.add_detections(found, stamp, missing)

    def _detect(self, image: np.ndarray) -> list[Detection]:
        with self._timed("detect"):
            return sorted(self._detector.detect(image), key=lambda d: -d.score)

    def _distinct(self, views: Views) -> list[int]:
        """Return the rows that show hands, each hand once, best first, at most `max_hands`."""
        presence = views.prediction.presence
        rows: list[int] = []
        for i in np.argsort(-views.scores, kind="stable"):
            points, size = views.keypoints_2d[i], views.regions[i].size
            if presence[i] >= self._tracker.presence_threshold and not any(
                same_hand(points, views.keypoints_2d[j], size) for j in rows
            ):
                rows.append(int(i))
        return rows[: self._tracker.max_hands]

    def _solve(self, views: Views, rights: Sequence[float] | np.ndarray) -> list[HandPose]:
        with self._timed("solve"):
            poses = solve(views, self._size.prior, self._method)
        return [
            replace(hand_pose(views, poses, i, float(right)), scale_source=self._size.source)
            for i, right in enumerate(rights)
        ]

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._timings[part] = self._timings.get(part, 0.0) + time.perf_counter() - start
