"""Fit a pose network's presence to what the detector takes for hands: hard-negative mining.

The detector takes faces, feet, elbows and leaves for hands: crops that random negatives hardly
hold.  Nothing of the network changes but the linear layer of the presence (logistic
regression on the features before it, kept near to where it was), so the poses stay the same.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.pose_network import load_pose_network
from hand_pose_25d.networks.latent import LatentNetwork
from hand_pose_25d_train.evaluation.project.network import predict
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.hard_negatives import (
    MinedCrops,
    bare,
    drawn,
    mine_crops,
    own_crops,
    scenes,
)
from hand_pose_25d_train.training.recipe import PresenceOptions

DECAY = 0.3
"""Weight of the squared change of the layer, its inputs scaled to unit variance.  With little the
layer learns to overlook real hands (hand_pose_25d_train/EXPERIMENTS.md)."""
_MOST = 8
"""Detections of an image that are mined."""


def presence_layer(network: LatentNetwork) -> nn.Linear:
    """Return the layer that predicts whether a crop shows a hand."""
    layer = network.backbone.presence
    assert isinstance(layer, nn.Linear)
    return layer


def features_of(network: LatentNetwork, crops: list[np.ndarray]) -> Tensor:
    """Return what the presence layer is given for (S, S, 3) uint8 crops: (N, C)."""
    seen: list[Tensor] = []
    layer = presence_layer(network)
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    predict(network, crops)
    handle.remove()
    return torch.cat(seen).clone()


def fit_layer(
    layer: nn.Linear, features: Tensor, truth: Tensor, weights: Tensor, decay: float = DECAY
) -> None:
    """Move the layer to the weighted logistic regression of truth (N,) on features (N, C)."""
    mean, scale = features.mean(0), features.std(0) + 1e-3
    x = (features - mean) / scale
    change = torch.zeros(x.shape[1] + 1, requires_grad=True)
    with torch.no_grad():
        before = layer(features)[:, 0]
    optimizer = torch.optim.LBFGS(
        [change], max_iter=100, tolerance_grad=1e-5, tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimizer.zero_grad()
        logit = before + x @ change[1:] + change[0]
        cross = F.binary_cross_entropy_with_logits(logit, truth, weights)
        value = cross + decay * change[1:].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        moved = change[1:] / scale
        layer.weight[0].add_(moved)
        layer.bias.add_(change[0] - moved @ mean)


def balanced(truth: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return weights (N,) that let every part, and in it yes and no, count alike; mean 1."""
    weights = np.zeros(len(truth))
    for part in np.unique(parts):
        for label in (0.0, 1.0):
            rows = (parts == part) & (truth == label)
            weights[rows] = 1 / max(int(rows.sum()), 1)
    return np.asarray(weights / weights.mean())


def rates(network: LatentNetwork, features: Tensor, truth: np.ndarray) -> str:
    """Describe the layer's predictions at 0.5: recall, and share of false positives."""
    layer = presence_layer(network)
    with torch.inference_mode():
        yes = (layer(features)[:, 0] > 0).numpy()
    shares = [float(yes[truth == t].mean()) if (truth == t).any() else math.nan for t in (1, 0)]
    return f"recall {shares[0]:.1%}, false positives {shares[1]:.1%} of the others"


def gather(
    network: LatentNetwork,
    options: PresenceOptions,
    crops: Path,
    scenes_folder: Path,
    photographs: Photographs,
) -> MinedCrops:
    """Collect crops and labels: rendered crops, and what the detector takes for hands."""
    mined = MinedCrops()
    own_crops(crops, options.count, network.input_size, mined)
    sources = [scenes(scenes_folder, options.count)]
    found = photographs.composed_scenes(), photographs.people_scenes()
    sources += [drawn(source, options.count) for source in found if source is not None]
    if photographs.backgrounds:
        sources.append(bare(photographs.backgrounds))
    runtime = load_pose_network(network, "cpu", "torch", threads=1)
    detector = Detector(
        "cpu", options.detector, options.threshold, max_hands=_MOST, backend="torch"
    )
    mine_crops(sources, runtime, detector, mined)
    return mined


def fit_presence(network: LatentNetwork, mined: MinedCrops, offset: float) -> dict[str, Any]:
    """Fit the presence layer to all crops; return figures of a fifth of them, left out.

    Raises ValueError where the crops show only hands, or none.
    """
    truth = np.array(mined.labels)
    if len(np.unique(truth)) < 2:
        raise ValueError("the presence needs hands as well as other things; got only one of them")
    features = features_of(network, mined.crops)
    rows = np.random.default_rng(0).permutation(len(truth))
    test, rest = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    trial = copy.deepcopy(network)
    fitted(trial, features, mined, rest, offset)
    figures = {
        "crops": len(truth),
        "hands": int(truth.sum()),
        "before": rates(network, features[test], truth[test]),
        "fitted": rates(trial, features[test], truth[test]),
    }
    fitted(network, features, mined, rows, offset)
    return figures


def fitted(
    network: LatentNetwork,
    features: Tensor,
    mined: MinedCrops,
    rows: np.ndarray,
    offset: float = 0.0,
) -> None:
    """Fit the network's presence layer to some of the crops, then add `offset` to its logit."""
    layer = presence_layer(network)
    truth, parts = np.array(mined.labels)[rows], np.array(mined.parts)[rows]
    weights = torch.from_numpy(balanced(truth, parts)).float()
    fit_layer(layer, features[rows], torch.from_numpy(truth).float(), weights)
    with torch.no_grad():
        layer.bias.add_(offset)
