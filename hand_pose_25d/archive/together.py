"""Several recordings at once in one process, whose crops share a GPU's forward passes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hand_pose_25d.archive.process import Outcome, Processor
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.inference.backends.batching import BatchingBackend
from hand_pose_25d.inference.detector import Detector, load_detector
from hand_pose_25d.inference.networks_by_use import VIDEO
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.settings import EstimatorSettings


class SharedProcessor:
    """Works on recordings, one in each thread that calls it, with one set of networks for all.

    Each thread has a tracker of its own, so that recordings know nothing of each other.  On a CPU
    nothing is gained, and the last digits would depend on what runs beside: there, one process a
    recording is right.
    """

    def __init__(
        self,
        settings: ProcessSettings,
        out: Path,
        formats: tuple[str, ...],
        members: int,
        resume: bool = True,
    ) -> None:
        """Load the networks.

        Args:
            settings, out, formats, resume: as for `Processor`.
            members: threads that will call.

        Raises what loading networks raises, and ValueError for a detector of another's.
        """
        self._of_thread = threading.local()
        self._make = lambda: Processor(settings, out, formats, self._estimator, resume)
        self._settings = EstimatorSettings(**dict(settings.estimator))
        wanted = self._settings
        how = (wanted.device, wanted.backend, wanted.precision, wanted.threads)
        detector = load_detector(wanted.detector, wanted.detector_threshold, *how)
        if not isinstance(detector, Detector):
            raise ValueError(f"only our own detector is shared, not {type(detector).__name__}")
        detector.backend = BatchingBackend(detector.backend, members)
        backend = load_pose_network(wanted.weights or wanted.network or VIDEO, *how).backend
        self.backends = (detector.backend, BatchingBackend(backend, members))
        """Of detector and pose network."""
        self._detector = detector

    def __call__(self, unit: Unit, report: Callable[[int], None] = lambda _: None) -> Outcome:
        """Work on a recording, as `Processor` does."""
        if not hasattr(self._of_thread, "processor"):
            self._of_thread.processor = self._make()
        outcome: Outcome = self._of_thread.processor(unit, report)
        return outcome

    def _estimator(self) -> HandPoseEstimator:
        network = PoseNetwork(self.backends[1])
        settings = replace(
            self._settings,
            weights=None, network=network, detector=self._detector, detector_threshold=None,
        )  # fmt: skip
        return HandPoseEstimator(settings=settings)
