"""What the evaluations of a pose network on crops share: loading, prediction, finger states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hand_pose_25d.inference.load import RUNS, load_backend
from hand_pose_25d.networks.output import PoseOutput
from hand_pose_25d.skeleton import FINGERS, NUM_KEYPOINTS
from hand_pose_25d_train.networks.formulations import load_any

MEDIAPIPE_NETWORK = "mediapipe"
"""The name under which MediaPipe's own landmark network is evaluated beside ours."""
STRAIGHT = 0.85
"""A finger counts as extended from this ratio of its span to the sum of its bones."""
BATCH = 16


@dataclass
class NetworkPredictions:
    """A network's predictions for N crops, as numpy arrays; see `networks.output.PoseOutput`."""

    uv: np.ndarray
    depth: np.ndarray
    uv_covariance: np.ndarray
    depth_variance: np.ndarray
    presence: np.ndarray
    handedness_logit: np.ndarray


class ExportedNetwork(nn.Module):
    """An exported graph of a pose network, to be judged as what it was made of."""

    def __init__(self, path: Path) -> None:
        """Load it.  Raises ValueError where it is none."""
        super().__init__()
        self.backend = load_backend(path, "pose network", "cpu")
        self.input_size = int(self.backend.config["input_size"])

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, S, S) RGB in [0, 1], made of uint8 -> `PoseOutput`."""
        crops = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        found = self.backend(np.ascontiguousarray(crops))
        return PoseOutput(**{f: torch.from_numpy(found[f]) for f in PoseOutput._fields})


def load(name: str) -> nn.Module:
    """Load a network (a name, weights, a graph by `export`), or MediaPipe's landmark network.

    The last is "mediapipe", ported, as ours starts from it.
    """
    if Path(name).suffix in RUNS:
        return ExportedNetwork(Path(name))
    if name != MEDIAPIPE_NETWORK:
        return load_any(name)
    from hand_pose_25d_train.networks.mediapipe_pose import mediapipe_landmarks

    return mediapipe_landmarks()


def predict(network: nn.Module, crops: list[np.ndarray]) -> NetworkPredictions:
    """Run the network on (S, S, 3) uint8 RGB crops."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    rows: list[list[np.ndarray]] = []
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            stack = np.stack(crops[start : start + BATCH]).transpose(0, 3, 1, 2)
            images = torch.from_numpy(np.ascontiguousarray(stack)).to(device)
            out = network(images.float() / 255)
            fields = (out.uv, out.depth, out.uv_covariance, out.depth_variance)
            rows.append([t.cpu().numpy() for t in (*fields, out.presence, out.right)])
    return NetworkPredictions(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def extended_fingers(uv: np.ndarray) -> np.ndarray:
    """(..., 21, 2) pixels -> (..., 5) bool: thumb, index, middle, ring, little are stretched out.

    A finger is extended where it is straight and its tip is further from the wrist than its middle
    joint; the thumb where its tip is further than its MCP from the little finger's knuckle.
    """
    uv = np.asarray(uv, dtype=np.float64)
    if uv.shape[-2] != NUM_KEYPOINTS:
        raise ValueError(f"expected (..., {NUM_KEYPOINTS}, 2) keypoints, got {uv.shape}")
    states = []
    for name, (base, middle, last, tip) in FINGERS.items():
        if name == "thumb":
            states.append(_distance(uv, tip, 17) > 1.05 * _distance(uv, middle, 17))
            continue
        path = _distance(uv, base, middle) + _distance(uv, middle, last) + _distance(uv, last, tip)
        straight = _distance(uv, base, tip) > STRAIGHT * path
        states.append(straight & (_distance(uv, tip, 0) > _distance(uv, middle, 0)))
    return np.stack(states, -1)


def _distance(uv: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.linalg.norm(uv[..., a, :] - uv[..., b, :], axis=-1)
