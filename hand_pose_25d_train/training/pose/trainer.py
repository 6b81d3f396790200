"""Trains a pose network from its configuration and folders of data."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn

from hand_pose_25d.networks.files import weights_path
from hand_pose_25d.networks.weights import read_config, save_network
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.dataset_source import FLAT, DatasetSource
from hand_pose_25d_train.datasets.mixing import EmptySource, Mixture
from hand_pose_25d_train.datasets.photos import LabelledPhoto, PhotoSource, load_photos
from hand_pose_25d_train.datasets.rendered_images import RenderSource
from hand_pose_25d_train.datasets.training_images import TrainingSource
from hand_pose_25d_train.evaluation.project.sheet import prediction_sheet
from hand_pose_25d_train.networks.formulations import build_any, load_any
from hand_pose_25d_train.training.config import TrainConfig
from hand_pose_25d_train.training.device import training_device
from hand_pose_25d_train.training.distributed import world
from hand_pose_25d_train.training.loop import BatchSource, fit_network
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.pose.consistency import with_second_views
from hand_pose_25d_train.training.pose.distillation import Distillation

LOSSES = {
    "latent": ("hand_pose_25d_train.training.pose.losses", "latent_loss"),
    "direct": ("hand_pose_25d_train.training.pose.direct_loss", "direct_loss"),
    "holistic": ("hand_pose_25d_train.training.pose.holistic_loss", "holistic_loss"),
}

WIDTHS = ("expansions", "last_width")
"""What training/pose/prune.py changes in a network's configuration."""

logger = logging.getLogger(__name__)


@dataclass
class Folders:
    """Where the data is."""

    renders: list[Path] = field(default_factory=list)
    """Folders of rendered crops (`hand-pose-25d render --mode crops`)."""
    photos: list[tuple[Path, Path]] = field(default_factory=list)
    """Pairs of a folder of photographs and its labels (`hand-pose-25d label`)."""
    backgrounds: list[Path] = field(default_factory=list)
    datasets: list[tuple[str, Path]] = field(default_factory=list)
    """Pairs of a public dataset's name and its folder; their training splits."""

    def labelled(self, held_out: bool) -> list[LabelledPhoto]:
        """Load the photographs to train on, or those that are never trained on."""
        return [photo for pair in self.photos for photo in load_photos(*pair, held_out=held_out)]


def network_config(config: TrainConfig) -> dict[str, Any]:
    """Return the configured network, with as many channels as what it starts from has.

    Raises FileNotFoundError for a start that is not there.
    """
    if config.start in ("", "mediapipe"):
        return config.network
    start = read_config(weights_path(config.start))
    return {key: start[key] for key in WIDTHS if key in start} | config.network


def make_network(config: TrainConfig) -> nn.Module:
    """Build the network with its starting weights, some of its parameters frozen.

    It may be larger than what it starts from.  Raises ValueError where it is smaller.
    """
    network = build_any(network_config(config))
    if config.start == "mediapipe":
        from hand_pose_25d_train.networks.mediapipe_pose import start_from_mediapipe

        start_from_mediapipe(network)  # type: ignore[arg-type]
    elif config.start:
        start = load_any(config.start).state_dict()
        if surplus := start.keys() - network.state_dict().keys():
            raise ValueError(
                f"start {config.start!r} has {len(surplus)} tensors that the configured network "
                f"has not, the first of them {min(surplus)}; are options of `network` missing?"
            )
        network.load_state_dict(start, strict=False)
    for name, parameter in network.named_parameters():
        if any(name.startswith(prefix) for prefix in config.freeze):
            parameter.requires_grad_(False)
    return network


def make_mixture(config: TrainConfig, folders: Folders, loop: LoopConfig, size: int) -> Mixture:
    """Make the batches.  Raises ValueError where there is nothing to train on."""
    data = config.data
    backgrounds = Backgrounds(folders.backgrounds)
    sources: list[tuple[TrainingSource, float]] = []
    photos = folders.labelled(held_out=False)
    if photos:
        sources.append((PhotoSource(photos, data.weak_depth), data.share_2d))
    if folders.renders:
        sources.append((RenderSource(folders.renders), data.share_3d))
    given = [
        (name, DatasetSource(name, folder, *folders.backgrounds[:1]))
        for name, folder in folders.datasets
    ]
    for flat, share in ((True, data.share_2d), (False, data.share_3d)):
        chosen = [source for name, source in given if (name in FLAT) == flat]
        total = sum(len(source) for source in chosen)
        sources += [(source, share * len(source) / total) for source in chosen]
    if not sources:
        raise ValueError("nothing to train on: name --renders, --photos or --datasets")
    sources.append((EmptySource(backgrounds, size), data.share_empty * len(sources)))
    return Mixture(
        sources,
        backgrounds,
        data.batch_size,
        loop.steps,
        size,
        data.jitter,
        data.augmentation,
        data.replace_background,
        loop.seed,
        world()[0],
    )


def make_resident(
    config: TrainConfig, folders: Folders, loop: LoopConfig, size: int, capacity: int
) -> BatchSource:
    """Put the data on the device that trains; return what makes the batches there.

    Raises ValueError where something is asked for that cannot be made there.
    """
    from hand_pose_25d_train.training.pose.resident import ResidentMixture

    if folders.datasets:
        raise ValueError("training with --resident takes --renders and --photos, no --datasets")
    mixture = ResidentMixture(
        config.data,
        folders.renders,
        folders.labelled(held_out=False),
        Backgrounds(folders.backgrounds),
        size,
        training_device(loop.device),
        loop.steps,
        loop.seed,
        world()[0],
        capacity,
    )
    return mixture.batches


def train(
    config: TrainConfig, folders: Folders, loop: LoopConfig, workers: int, resident: int = 0
) -> Path:
    """Train, or go on with the run in `loop.out`; return the weights' path.

    `resident`: make the batches on the device, with so many rendered crops there; 0: worker
    processes make them.
    Beside checkpoint and logs the folder gets `weights.safetensors` and `sheet-STEP.jpg`,
    predictions on photographs that are never trained on, at every snapshot.
    """
    architecture = network_config(config)
    formulation = architecture.get("formulation", "")
    cv2.setNumThreads(0)  # Worker processes forked beside OpenCV's thread pool would hang.
    torch.backends.cudnn.benchmark = True  # Every batch has the same shape.
    if formulation not in LOSSES:
        raise ValueError(f"formulation {formulation!r}: allowed are {', '.join(LOSSES)}")
    module, function = LOSSES[formulation]
    loss = getattr(importlib.import_module(module), function)
    torch.manual_seed(loop.seed)  # for the starting weights; fit seeds the rest
    network = make_network(config)
    size = int(network.input_size)  # type: ignore[arg-type]
    if config.teacher:
        distillation = Distillation(load_any(config.teacher), network)
        size, loss = distillation.input_size, distillation.loss
    batches: BatchSource
    if resident:
        batches = make_resident(config, folders, loop, size, resident)
    else:
        mixture = make_mixture(config, folders, loop, size)
        batches = lambda start: mixture.batches(start, workers)  # noqa: E731
    held_out = folders.labelled(held_out=True)
    logger.info("%d held-out photographs", len(held_out))
    weights = loop.out / "weights.safetensors"

    def on_snapshot(model: nn.Module, step: int) -> dict[str, float]:
        save_network(model, architecture, weights)
        return prediction_sheet(model, held_out, loop.out / f"sheet-{step:07d}.jpg")

    def loss_fn(model: nn.Module, batch: dict[str, Any], step: int) -> dict[str, torch.Tensor]:
        if config.loss.consistency > 0:
            batch = with_second_views(batch, loop.seed * loop.steps + step)
        terms: dict[str, torch.Tensor] = loss(model, batch, config.loss)
        return terms

    fit_network(network, loss_fn, batches, loop, on_snapshot)
    return weights
