"""Training the detector: `python -m hand_pose_25d_train.training.detector.trainer`.

Starts from MediaPipe's palm detector (detector_init.py), learns from photographs composed into
scenes and from rendered scenes, and writes the weights with their configuration.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from hand_pose_25d.networks.detector_net import BRANCH_WIDTH, DEFAULT_SIZES, DetectorNet
from hand_pose_25d.networks.weights import load_network, save_network
from hand_pose_25d_train.augmentation.augment import Augmentation, augment
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.datasets.mixing import loaded, stratified
from hand_pose_25d_train.training.detector.composed import add_arguments as add_composed_arguments
from hand_pose_25d_train.training.detector.composed import composed_scenes, people_scenes
from hand_pose_25d_train.training.detector.mosaics import MosaicScenes
from hand_pose_25d_train.training.detector.renders import RenderFolder
from hand_pose_25d_train.training.detector.scenes import SceneSource, TurnedScenes
from hand_pose_25d_train.training.detector.targets import detector_loss, scene_targets
from hand_pose_25d_train.training.distributed import is_first, world
from hand_pose_25d_train.training.loop import PRECISIONS, LoopConfig, fit

FROZEN = ("stem", "stages.0.", "stages.1.")
"""Parts of the trunk that see edges and colours: they stay as they are, which saves half of the
time."""
EFFECTS = Augmentation(colour=0.4, occlusion=0.1, blur=0.07, resolution=0.04, noise=0.3, jpeg=0.3)
"""Blur and low resolution are made for crops: of a small hand in a scene they leave nothing."""

logger = logging.getLogger(__name__)


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


def loss_of(model: nn.Module, batch: dict[str, Any], step: int) -> dict[str, Tensor]:
    """Return the losses of a batch, as `loop.fit` asks for them."""
    return detector_loss(model(batch["image"].float() / 255), batch)


def freeze(network: nn.Module) -> None:
    """Take the first layers out of the training."""
    for name, parameter in network.trunk.named_parameters():  # type: ignore[union-attr]
        if name.startswith(FROZEN):
            parameter.requires_grad_(False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--start", default="", help="weights to start from; default: MediaPipe's")
    add_composed_arguments(parser)
    parser.add_argument(
        "--renders", type=Path, nargs="*", default=[], help="folders of rendered scenes"
    )
    parser.add_argument(
        "--crops", type=Path, nargs="*", default=[], help="folders of rendered crops, for mosaics"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs=4,
        default=(0.3, 0.3, 0.25, 0.15),
        metavar=("PHOTOS", "RENDERS", "CROPS", "PEOPLE"),
        help="of the four kinds of scenes, those that are given",
    )
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--trunk-factor", type=float, default=0.06,
                        help="learning rate of the trunk over the heads'")  # fmt: skip
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1,
                        help="processes that make the batches; 0: the training's own")  # fmt: skip
    parser.add_argument("--sizes", type=int, nargs="+", default=DEFAULT_SIZES,
                        help="longer sides at which it is to look at an image")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Train and write `detector.safetensors` into the run's folder."""
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)  # worker processes forked beside OpenCV's thread pool would hang
    backgrounds = Backgrounds(args.backgrounds)
    sources: list[tuple[SceneSource, float]] = []
    of_photos, of_renders, of_crops, of_people = args.shares
    rank, processes = world()
    composed = composed_scenes(args, backgrounds)
    if composed is not None:
        sources.append((composed, of_photos))
    kept = partial(RenderFolder, keep=True, part=rank, parts=processes)
    for folder in args.renders:
        sources.append((TurnedScenes(kept(folder)), of_renders / len(args.renders)))
    for folder in args.crops:
        sources.append((MosaicScenes(kept(folder)), of_crops / len(args.crops)))
    people = people_scenes(args)
    if people is not None:
        sources.append((people, of_people))
    if not sources:
        raise ValueError("nothing to train on: give --photos, --renders, --crops or --people")
    network = with_branches(load_network(args.start) if args.start else _initial())
    freeze(network)
    scenes = SceneBatches(sources, backgrounds, args.batch_size, rank=rank)
    config = LoopConfig(
        args.out, args.steps, learning_rate=args.learning_rate, warmup_steps=50,
        ema_decay=0.995, checkpoint_every=100, precision=args.precision, slow=["trunk"],
        slow_factor=args.trunk_factor, snapshot_every=200,
    )  # fmt: skip
    path = args.out / "detector.safetensors"
    described = {
        "formulation": "detector", "sizes": list(args.sizes), "branch_width": BRANCH_WIDTH
    }  # fmt: skip

    def write(model: nn.Module, step: int) -> dict[str, float]:
        save_network(model, described, path)
        return {}

    def batches(start: int) -> Iterator[dict[str, Tensor]]:
        return loaded(scenes, start, args.steps, args.workers)

    fit(network, loss_of, batches, config, write)
    if is_first():
        logger.info("wrote %s", path)
    return 0


def with_branches(network: nn.Module) -> DetectorNet:
    """Return the detector with untrained branches where it has none; it answers the same.

    Raises ValueError for a network that is no detector.
    """
    if not isinstance(network, DetectorNet):
        raise ValueError(f"a detector is needed to start from, not a {type(network).__name__}")
    if len(network.branches):
        return network
    grown = DetectorNet(network.sizes, BRANCH_WIDTH)
    grown.load_state_dict(network.state_dict(), strict=False)
    return grown


def _initial() -> nn.Module:
    from hand_pose_25d_train.training.detector.mediapipe_start import initial_detector

    return initial_detector()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
