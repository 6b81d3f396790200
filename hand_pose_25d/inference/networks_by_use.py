"""Which pose network works for what: an accurate one for single images, a fast one for video."""

from __future__ import annotations

from pathlib import Path

from hand_pose_25d.inference.detection import HandDetector
from hand_pose_25d.inference.hand_networks import HandNetworks
from hand_pose_25d.inference.pose_network import load_pose_network

SINGLE_IMAGES, VIDEO = "accurate", "realtime"
"""The shipped pose networks of `estimate` and of `track`, where nobody names one."""


class NetworksByUse:
    """One detector, and the pose networks of `track` and of `estimate`.  Not thread-safe."""

    def __init__(
        self,
        detector: HandDetector,
        network: str | Path | object | None,
        device: str,
        backend: str,
        precision: str,
        threads: int,
    ) -> None:
        """Load the network of `track`.

        `network`: a pose network for both; None: the shipped ones.  See `load_backend` for the
        others and for what is raised.
        """
        self._how = (device, backend, precision, threads)
        self.video = HandNetworks(detector, load_pose_network(network or VIDEO, *self._how))
        self._single = None if network is None else self.video

    @property
    def single(self) -> HandNetworks:
        """The networks of `estimate`; loaded when they are first asked for."""
        if self._single is None:
            network = load_pose_network(SINGLE_IMAGES, *self._how)
            self._single = HandNetworks(self.video.detector, network)
            self._single.timings = self.video.timings
        return self._single
