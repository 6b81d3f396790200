"""`evaluate ablation`: small networks, trained alike but for one thing, beside each other.

Every variant has the same budget of steps, the same data in the same order, and a network of about
the same size.  Finished training runs stay in --out and not repeated.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d_train.datasets.photos import load_photos
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.crops import collect, report
from hand_pose_25d_train.evaluation.project.network import load
from hand_pose_25d_train.evaluation.project.photos import photo_errors
from hand_pose_25d_train.evaluation.project.sheet import predict_photos
from hand_pose_25d_train.labelling.photo_folder import photo_folder
from hand_pose_25d_train.training.config import DataConfig, TrainConfig, load_config
from hand_pose_25d_train.training.pose.trainer import Folders, train


@dataclass(frozen=True)
class Variant:
    """What differs from the base."""

    network: dict[str, Any] = field(default_factory=dict)
    photos: bool = True


BASE: dict[str, Any] = {
    "formulation": "latent",
    "backbone": "encoder_decoder",
    "width": 48,
    "levels": 4,
    "input_size": 64,
}
VARIANTS: dict[str, Variant] = {
    "latent": Variant(),
    "direct": Variant({"formulation": "direct"}),
    "holistic": Variant({"formulation": "holistic", "blocks": [2, 2, 2, 2], "width": 32}),
    "two stages": Variant({"stages": 2}),
    "fixed spread": Variant({"learned_spread": False}),
    "output 32": Variant({"output_stride": 2}),
    "without photographs": Variant(photos=False),
}
SHOWN = ("2D median px", "2D mean px", "MPJPE mm", "AUC 20-50 mm")


def configuration(variant: Variant, base: dict[str, Any], steps: int) -> TrainConfig:
    """Return the training run of a variant, with the loss of its formulation's recipe."""
    network = {**base, **variant.network}
    if network["formulation"] == "holistic":
        network = {k: v for k, v in network.items() if k not in ("backbone", "levels")}
    loop = {
        "steps": steps,
        "learning_rate": 1.5e-3,
        "warmup_steps": min(100, steps // 10 + 1),
        "ema_decay": 0.998,
        "snapshot_every": steps,
    }
    loss = load_config(network["formulation"]).loss
    return TrainConfig(network=network, loop=loop, data=DataConfig(), loss=loss)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the protocol's options."""
    parser.add_argument("--renders", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=photo_folder, nargs="*", default=[], metavar="DIR=NPZ")
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[])
    parser.add_argument("--holdout", type=Path, required=True, help="rendered crops to test on")
    parser.add_argument("--count", type=int, default=500, help="images of the holdout")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--width", type=int, default=BASE["width"])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))


def run(args: argparse.Namespace) -> int:
    """Train what is missing, then print the table."""
    folders = Folders(args.renders, args.photos, args.backgrounds)
    held_out = [p for pair in folders.photos for p in load_photos(*pair, held_out=True)]
    truth = collect(ShardDataset(args.holdout, masks=False), 0, args.count, BASE["input_size"])
    print(f"{args.steps} steps each; {len(truth.crops)} crops, {len(held_out)} photographs")
    print(f"{'':22}" + "".join(f"{name:>24}" for name in (*SHOWN, "photographs, % of box")))
    for name in args.only:
        variant = VARIANTS[name]
        config = configuration(variant, {**BASE, "width": args.width}, args.steps)
        out = args.out / f"{name.replace(' ', '_')}-{args.width}-{args.steps}"
        weights = out / "weights.safetensors"
        if not weights.is_file():
            data = folders if variant.photos else replace(folders, photos=[])
            train(config, data, config.loop_config(out), args.workers)
        network = load(str(weights))
        figures = report(network, truth)
        values = [figures[key] for key in SHOWN]
        error = float("nan")
        if held_out:
            found = predict_photos(network, held_out)[1]
            error = float(100 * np.mean(photo_errors(found, held_out)))
        print(f"{name:22}" + "".join(f"{value:24.3f}" for value in (*values, error)))
    return 0
