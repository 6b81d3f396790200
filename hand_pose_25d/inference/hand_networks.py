"""HandNetworks: the detector and the pose network at work on frames, each step timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.inference.detection import Detection, HandDetector
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.hand_evidence import hand_evidence, lowest_score
from hand_pose_25d.inference.held_detections import HeldDetections
from hand_pose_25d.inference.hypotheses import ResolvedHands, complete, refine, search
from hand_pose_25d.inference.landmarks import Landmarks, predict_landmarks
from hand_pose_25d.inference.metric_poses import hand_poses
from hand_pose_25d.inference.pose_network import PoseNetwork
from hand_pose_25d.inference.surfaces import observe_surfaces
from hand_pose_25d.reconstruction.bone_posterior import BoneEvidence, BonePosterior
from hand_pose_25d.reconstruction.reconstruct import Bones, Method

COARSE_FACTOR = 0.75
"""Of the detector's `sizes`, for hands that are not small in the image."""


class HandNetworks:
    """Runs both networks.  Not thread-safe; the estimator holds a lock."""

    def __init__(self, detector: HandDetector, pose_network: PoseNetwork) -> None:
        """Take networks that are ready to run."""
        self.detector, self.pose_network = detector, pose_network
        self._held = HeldDetections()
        self.timings: dict[str, float] = {}
        """Seconds by step since it was cleared: detect, landmarks (with crops), solve."""

    def detect(self, frame: Frame) -> list[Detection]:
        """Run the detector on the image; best score first."""
        return self._found(self.detector.detect, frame)

    def propose(self, frame: Frame) -> list[Detection]:
        """Find what may be a hand in an image that no other follows; best score first.

        Our own detector takes larger passes and a lower score, as `show_hands` judges it.
        """
        if isinstance(self.detector, Detector):
            return self._found(self.detector.propose, frame)
        return self.detect(frame)

    def propose_coarsely(
        self,
        frame: Frame,
        doubt: float = 0.0,
        window: tuple[int, int, int, int] | None = None,
    ) -> list[Detection]:
        """Find what may be a hand of a usual size, in a quarter of the time of `propose`.

        `doubt`: see `show_hands`; what cannot reach it is left out.  `window`: left, top, right
        and bottom of the part of the image to look at.  Best score first; without our own
        detector nothing.
        """
        if not isinstance(self.detector, Detector):
            return []
        left, top, right, bottom = window or (0, 0, *frame.size)
        image = frame.image[top:bottom, left:right]
        with self._timed("detect"):
            found = self.detector.propose(image, COARSE_FACTOR)
        least = lowest_score(self.detector.threshold, doubt)
        return [d.moved(left, top) for d in found if d.score >= least]

    @property
    def weighs_evidence(self) -> bool:
        """True where both networks judge a proposal: with our own detector."""
        return isinstance(self.detector, Detector)

    def show_hands(
        self,
        detections: Sequence[Detection],
        landmarks: Landmarks,
        presence_threshold: float,
        doubt: float = 0.0,
    ) -> np.ndarray:
        """Tell which of N proposals are hands, by both networks: (N,) bool.

        Scores of another's detector say nothing here: the presence decides alone.  `doubt`: log
        odds that the evidence must reach.
        """
        if not isinstance(self.detector, Detector):
            return landmarks.presence >= presence_threshold
        scores = np.array([detection.score for detection in detections])
        least = (self.detector.threshold, presence_threshold)
        shown: np.ndarray = (
            hand_evidence(scores, landmarks.presence, landmarks.pose_scores, *least) >= doubt
        )
        return shown

    @property
    def detector_parts(self) -> int:
        """Looks that together are a whole one: more than 1 for our own detector on a CPU."""
        return self.detector.parts if isinstance(self.detector, Detector) else 1

    def detect_parts(self, frame: Frame, parts: Sequence[int]) -> list[Detection]:
        """Run those parts of the detector on the image, any order; best score first."""
        if not parts:
            return []
        if not isinstance(self.detector, Detector):
            return self.detect(frame)
        with self._timed("detect"):
            return self.detector.detect_parts(frame.image, parts)

    def complete(self, frame: Frame, detections: Sequence[Detection]) -> list[Detection]:
        """Return the detections with in-plane rotation and handedness.

        What would take too many crops is held back, and completed in one of the next images.
        """
        now = self._held.take(detections, frame.size)
        with self._timed("landmarks"):
            return complete(self.pose_network, frame, now) if now else []

    def reset(self) -> None:
        """Forget what was held back."""
        self._held = HeldDetections()

    def resolve(self, frame: Frame, detections: Sequence[Detection], again: bool) -> ResolvedHands:
        """Run the pose network on detections, and `again` on the regions of what it found."""
        with self._timed("landmarks"):
            hands = search(self.pose_network, frame, detections)
        return self.refine(frame, hands, detections) if again else hands

    def refine(
        self, frame: Frame, hands: ResolvedHands, detections: Sequence[Detection]
    ) -> ResolvedHands:
        """Run the pose network again, on the regions of the hands that it found."""
        with self._timed("landmarks"):
            return refine(self.pose_network, frame, hands, detections)

    def landmarks(
        self, frame: Frame, regions: Sequence[Region], p_rights: Sequence[float]
    ) -> Landmarks:
        """Run the pose network on regions; below 0.5 `p_rights` mirror the crop."""
        with self._timed("landmarks"):
            mirror = [p_right < 0.5 for p_right in p_rights]
            return predict_landmarks(self.pose_network, frame, regions, mirror)

    def solve(
        self,
        frame: Frame,
        landmarks: Landmarks,
        p_rights: Sequence[float] | np.ndarray,
        prior: Bones | Sequence[Bones],
        method: Method = "map",
        source: ScaleSource = "prior",
        evidence: BoneEvidence | None = None,
    ) -> tuple[list[HandPose], BonePosterior | None]:
        """Return the hands in metres; the frame's depth image counts, where it has one.

        `prior`: one for all, or one a hand.  The second is what is known of their bones after
        this image, where `evidence` says that it teaches any.
        """
        with self._timed("solve"):
            surfaces = observe_surfaces(frame, landmarks, p_rights)
            return hand_poses(landmarks, p_rights, prior, method, source, evidence, surfaces)

    def _found(
        self, find: Callable[[np.ndarray], list[Detection]], frame: Frame
    ) -> list[Detection]:
        with self._timed("detect"):
            return sorted(find(frame.image), key=lambda d: -d.score)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[step] = self.timings.get(step, 0.0) + time.perf_counter() - start
