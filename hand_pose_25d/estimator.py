"""HandPoseEstimator: an image and its camera -> hands in metres.  The library's front door."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.inference.backends.process import OwnProcess
from hand_pose_25d.inference.detection import Detection, detections_of_boxes
from hand_pose_25d.inference.detector import load_detector, set_threshold
from hand_pose_25d.inference.landmarks import Landmarks
from hand_pose_25d.inference.networks_by_use import NetworksByUse
from hand_pose_25d.inference.single_image import SPARE, find_hands
from hand_pose_25d.reconstruction.hand_size import HandSize, KnowsHandSize
from hand_pose_25d.settings import EstimatorSettings
from hand_pose_25d.tracking.bone_memory import BoneMemory
from hand_pose_25d.tracking.candidates import best_detections
from hand_pose_25d.tracking.smoothing import Smoothing
from hand_pose_25d.tracking.track import Proposal, TrackedHand
from hand_pose_25d.tracking.tracker import Tracker


class HandPoseEstimator(KnowsHandSize):
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

        Where neither `weights` nor `network` names a pose network, `estimate` has the shipped
        "accurate" and `track` the faster "realtime".

        Raises:
            ValueError, TypeError: a wrong option; the message says what is allowed.
            FileNotFoundError: weights or bone lengths that are not there.
        """
        if settings is None:
            settings = EstimatorSettings(*positional, **options)
        elif positional or options:
            raise TypeError("give settings, or options by themselves, not both")
        self._lock = threading.RLock()
        self._process = OwnProcess()
        self._settings = settings
        self._size = HandSize(settings.bone_lengths, settings.hand_scale, settings.population)
        how = (settings.device, settings.backend, settings.precision, settings.threads)
        detector = load_detector(settings.detector, settings.detector_threshold, *how)
        self._of_use = NetworksByUse(detector, settings.weights or settings.network, *how)
        self._networks = self._of_use.video
        self._tracker = Tracker(
            settings.max_hands,
            redetect_interval=settings.redetect_interval,
            presence_threshold=settings.presence_threshold,
            detector_parts=self._networks.detector_parts,
        )
        self._smoothing = Smoothing(settings.smoothing)
        self._bones: BoneMemory | None = None

    def estimate(
        self,
        image: np.ndarray,
        camera: Camera,
        boxes: Iterable[Sequence[float]] | None = None,
        depth: np.ndarray | None = None,
    ) -> list[HandPose]:
        """Find the hands of one image on its own.

        Args:
            image: (H, W, 3) uint8 RGB, not mirrored.
            camera: that took it; its size must be the image's.
            boxes: (x, y, w, h) in pixels, around the hands.  The detector then does not run, and
                there is one hand for each box, in the boxes' order, however low its score.
            depth: (H, W) of a depth camera, along the camera's axis in the image's pixels: uint16
                millimetres or float32 metres; 0, NaN and infinity mean not measured.

        Returns:
            The hands, best score first, at most `max_hands`; without any, an empty list.

        Raises:
            TypeError, ValueError: an image, camera, box or depth image that is wrong.
            RuntimeError: in a fork of the process that made the estimator.
        """
        frame = self._as_seen(Frame(image, camera, depth=depth))
        given = detections_of_boxes(boxes, camera)
        with self._turn():
            networks = self._of_use.single
            networks.timings.clear()
            settings = self._settings
            if given is None:
                least = settings.presence_threshold
                hands = find_hands(networks, frame, settings.max_hands, least)
            else:  # the search for the rotation, which boxes leave open, refines it
                hands = networks.resolve(frame, given, again=False)
            return self._solve(frame, hands.landmarks, hands.p_right)

    def track(
        self,
        image: np.ndarray,
        camera: Camera,
        stamp: float,
        boxes: Iterable[Sequence[float]] | None = None,
        depth: np.ndarray | None = None,
    ) -> list[HandPose]:
        """Follow hands through a video: ids, regions from the previous pose, re-detection.

        Args:
            image, camera, depth: as for `estimate`.  A camera of another size resets the tracker.
            stamp: seconds.  One more than half a second before the last resets the tracker; an
                image that is less late is taken for one of the last stamp, and its hands keep
                their ids.
            boxes: (x, y, w, h) from another detector, taken instead of ours for this image; the
                first `max_hands` + 2 that are of different hands count.

        Returns:
            The hands by track id.  One that is not seen in this image is reported with the state
            "lost" and a pose of NaN; after two such images it is not reported any more.
        """
        frame = self._as_seen(Frame(image, camera, stamp, depth))
        given = detections_of_boxes(boxes, camera)

        def detect(frame: Frame, parts: Sequence[int]) -> list[Detection]:
            looked = self._networks.detect_parts(frame, parts) if given is None else given
            found = looked if parts else []
            best = best_detections(found, self._settings.max_hands + SPARE)
            return self._networks.complete(frame, best)

        def observe(frame: Frame, proposals: Sequence[Proposal]) -> Landmarks:
            p_rights = [proposal.p_right for proposal in proposals]
            return self._networks.landmarks(frame, [p.region for p in proposals], p_rights)

        with self._turn():
            self._networks.timings.clear()
            tracked, landmarks = self._tracker.step(frame, detect, observe)
            seen = [(hand, hand.index) for hand in tracked if hand.index is not None]
            p_rights = [hand.p_right for hand, _ in seen]
            rows = landmarks[[index for _, index in seen]]
            poses = self._solve_tracked(frame, rows, p_rights, [hand for hand, _ in seen])
            by_id = {hand.track_id: pose for (hand, _), pose in zip(seen, poses, strict=True)}
            source = self._size.source
            hands = [hand.named(by_id.get(hand.track_id), source) for hand in tracked]
            size_variance = float(self._size.prior.log_moments[1].mean())
            return self._smoothing(self._tracker.clock.now, hands, size_variance)

    def reset(self) -> None:
        """Forget the hands followed by `track`; ids go on counting.  A hand size stays."""
        with self._turn():
            self._tracker.reset()
            self._networks.reset()
            self._smoothing.reset()
            self._bones = None

    def tune(self, **changes: Any) -> None:
        """Change options between two images; None leaves one as it is.

        Raises ValueError or TypeError for a wrong one, and then changes none.
        """
        with self._turn():
            settings = self._settings.tuned(**changes)
            size = copy(self._size)
            if changes.get("hand_scale") is not None:
                size.set(settings.hand_scale, "configured")
            if changes.get("detector_threshold") is not None:
                set_threshold(self._networks.detector, changes["detector_threshold"])
            self._size = size
            if changes.get("smoothing") is not None:
                self._smoothing = Smoothing(settings.smoothing)
            self._tracker.tune(settings.presence_threshold, settings.redetect_interval)
            self._settings = settings

    @property
    def runtime_name(self) -> str:
        """Backend, device and arithmetic of the pose network of `track`, for people."""
        return self._networks.pose_network.name

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that the parts of the last call took: detect, landmarks (with crops), solve."""
        return dict(self._networks.timings)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread works with the estimator, and hold it."""
        self._process.check("the estimator")  # a fork may have taken the lock along, locked
        with self._lock:
            yield

    def _as_seen(self, frame: Frame) -> Frame:
        return frame.in_grey() if self._settings.grey else frame

    def __reduce__(self) -> Any:
        raise TypeError(
            "an estimator cannot go to another process or a file: make one there, e.g. in the "
            "initializer of a pool of multiprocessing.get_context('spawn')"
        )

    def _solve(
        self, frame: Frame, landmarks: Landmarks, p_rights: Sequence[float] | np.ndarray
    ) -> list[HandPose]:
        size, method = self._size, self._settings.method
        return self._networks.solve(frame, landmarks, p_rights, size.prior, method, size.source)[0]

    def _solve_tracked(
        self,
        frame: Frame,
        landmarks: Landmarks,
        p_rights: Sequence[float],
        hands: Sequence[TrackedHand],
    ) -> list[HandPose]:
        """Solve for tracked hands: where nobody said how large they are, the track learns."""
        settings, prior = self._settings, self._size.prior
        learns = settings.learn_bones and settings.method == "map"
        if not learns or self._size.source != "prior":
            self._bones = None
            return self._solve(frame, landmarks, p_rights)
        if not hands:
            return []
        if self._bones is None or self._bones.prior is not prior:
            self._bones = BoneMemory(prior)
        now = self._tracker.clock.now
        bones, evidence = self._bones.recall(now, hands)
        poses, found = self._networks.solve(frame, landmarks, p_rights, bones, evidence=evidence)
        if found is not None:
            self._bones.learn(now, hands, found)
        return poses


_OWN = inspect.signature(HandPoseEstimator.__init__).parameters["settings"]
HandPoseEstimator.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [*inspect.signature(EstimatorSettings).parameters.values(), _OWN]
)
