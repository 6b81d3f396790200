"""Trains the detector on photographs composed into scenes and on rendered scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hand_pose_25d.networks.detector_net import BRANCH_WIDTH, DetectorNet
from hand_pose_25d.networks.weights import load_network, save_network
from hand_pose_25d_train.augmentation.augment import Augmentation, augment
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.mixing import loaded, stratified
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.mosaics import MosaicScenes
from hand_pose_25d_train.training.detector.pruning import pruned, same_shape, set_share
from hand_pose_25d_train.training.detector.renders import RenderFolder
from hand_pose_25d_train.training.detector.scenes import AugmentedScenes, SceneSource
from hand_pose_25d_train.training.detector.targets import detector_loss, scene_targets
from hand_pose_25d_train.training.detector.teacher import DetectorTeacher
from hand_pose_25d_train.training.distributed import world
from hand_pose_25d_train.training.loop import fit_network
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.recipe import Shares
from hand_pose_25d_train.training.teaching import Teaching

_SHOWN_BATCHES = 8
EFFECTS = Augmentation(colour=0.4, occlusion=0.1, blur=0.07, resolution=0.04, noise=0.3, jpeg=0.3)
"""Blur and low resolution are made for crops: of a small hand in a scene they leave nothing."""


@dataclass
class SceneBatches(torch.utils.data.Dataset):
    """Batches of scenes; what is in one is a function of (seed, rank, step) alone."""

    sources: Sequence[tuple[SceneSource, float]]
    """With their shares."""
    textures: Backgrounds
    """What covers the occluders."""
    batch_size: int
    sizes: Sequence[int] = (224, 256, 288)
    """Sides of the scenes, one drawn for each batch."""
    seed: int = 0
    rank: int = 0
    effects: Augmentation = field(default_factory=lambda: EFFECTS)

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Make the batch of a step: `image` (B, 3, S, S) uint8, and the targets."""
        rng = np.random.default_rng((self.seed, self.rank, step))
        # Processes that train together wait for each other: their scenes are of one size.
        size = int(np.random.default_rng((self.seed, step)).choice(self.sizes))
        images, rows = [], []
        for pick in stratified([share for _, share in self.sources], self.batch_size, rng):
            scene = self.sources[pick][0].draw(size, rng)
            images.append(scene.image)
            rows.append(scene_targets(scene.hands, size))
        stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        stack = augment(stack, lambda n: self.textures.crops(n, size, rng), self.effects, rng)
        targets = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        return {"image": stack} | {k: torch.from_numpy(v) for k, v in targets.items()}


def shown(scenes: SceneBatches) -> Tensor:
    """Return scenes of the first batches, (B, 3, S, S) in [0, 1], to make a smaller network by."""
    batches = [scenes[step]["image"].float() / 255 for step in range(_SHOWN_BATCHES)]
    return torch.cat([F.interpolate(images, batches[0].shape[-2:]) for images in batches])


def loss_of(
    model: nn.Module, batch: dict[str, Any], step: int, teacher: DetectorTeacher | None = None
) -> dict[str, Tensor]:
    """Return the losses of a batch, as `loop.fit` asks for them."""
    images = batch["image"].float() / 255
    if teacher is None:
        return detector_loss(model(images), batch)
    return teacher.loss(model, images, batch, step)  # type: ignore[arg-type]


@dataclass(frozen=True)
class DetectorData:
    """What the detector learns from."""

    scenes: list[Path]
    """Folders of rendered scenes."""
    crops: list[Path]
    """Folders of rendered crops, for mosaics."""
    photographs: Photographs = Photographs()

    def sources(self, shares: Shares) -> list[tuple[SceneSource, float]]:
        """Open what there is, with the shares.  Raises ValueError where there is nothing."""
        rank, processes = world()
        kept = partial(RenderFolder, keep=True, part=rank, parts=processes)
        found: list[tuple[SceneSource | None, float]] = [
            (self.photographs.composed_scenes(), shares.photos),
            (self.photographs.people_scenes(), shares.people),
        ]
        whole = self.photographs.whole_scenes()
        found += [(source, shares.whole / len(whole)) for source in whole]
        for folder in self.scenes:
            found.append((AugmentedScenes(kept(folder)), shares.scenes / len(self.scenes)))
        for folder in self.crops:
            found.append((MosaicScenes(kept(folder)), shares.crops / len(self.crops)))
        sources = [(source, share) for source, share in found if source is not None and share > 0]
        if not sources:
            raise ValueError("nothing to train on: give photographs, renders or people")
        return sources


def train_detector(
    config: dict[str, Any],
    start: str,
    data: DetectorData,
    shares: Shares,
    loop: LoopConfig,
    batch_size: int,
    sides: Sequence[int],
    workers: int = 0,
    teaching: Teaching | None = None,
) -> Path:
    """Train, or go on with the run in `loop.out`; return the weights' path.

    `config`: the network's; `start`: "mediapipe", or a detector's name or file, whose trunk may
    have more blocks; `sides`: of the scenes, px.  Raises ValueError where there is nothing to
    train on or start from.
    """
    teaching = teaching or Teaching()
    cv2.setNumThreads(0)  # worker processes forked beside OpenCV's thread pool would hang
    torch.manual_seed(loop.seed)
    begun = _initial() if start == "mediapipe" else load_network(start)
    begun = with_branches(begun, int(config.get("branch_width", BRANCH_WIDTH)))
    scenes = SceneBatches(
        data.sources(shares),
        Backgrounds(data.photographs.backgrounds),
        batch_size,
        sides,
        loop.seed,
        world()[0],
    )
    network = begun if same_shape(begun, config) else pruned(begun, config, shown(scenes))
    for name, parameter in network.trunk.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(teaching.freeze)))
    teacher = DetectorTeacher(teaching) if teaching.teacher else None
    path = loop.out / "weights.safetensors"

    def loss(model: nn.Module, batch: dict[str, Any], step: int) -> dict[str, Tensor]:
        set_share(model, 1 - step / max(teaching.fade_steps, 1))
        return loss_of(model, batch, step, teacher)

    def write(model: nn.Module, step: int) -> dict[str, float]:
        save_network(model, config, path)
        return {}

    def batches(at: int) -> Iterator[dict[str, Tensor]]:
        return loaded(scenes, at, loop.steps, workers)

    fit_network(network, loss, batches, loop, write)
    return path


def with_branches(network: nn.Module, width: int = BRANCH_WIDTH) -> DetectorNet:
    """Return the detector with untrained branches where it has none; it answers the same.

    Raises ValueError for a network that is no detector.
    """
    if not isinstance(network, DetectorNet):
        raise ValueError(f"a detector is needed to start from, not a {type(network).__name__}")
    if len(network.branches):
        return network
    grown = DetectorNet(network.sizes, width)
    grown.load_state_dict(network.state_dict(), strict=False)
    return grown


def _initial() -> nn.Module:
    from hand_pose_25d_train.training.detector.mediapipe_start import initial_detector

    return initial_detector()
