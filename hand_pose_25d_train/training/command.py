"""Train a network: all stages of a recipe, or one of the paper's networks.

    hand-pose-25d train accurate --out runs/accurate --photos hands/ --backgrounds photos/
    hand-pose-25d train realtime --out runs/realtime --photos hands/ --backgrounds photos/
    hand-pose-25d train detector --out runs/detector --photos hands/ --backgrounds photos/
    hand-pose-25d train latent --datasets rhp=RHD_published_v2 shp=SHP mpii_nzsl=hand_labels

The first three render, label, train, calibrate and judge, and write OUT/pose.safetensors or
OUT/detector.safetensors with report.json beside it.  The same command again goes on where the
last one stopped.  Photographs of hands are labelled by MediaPipe, or DIR=LABELS.npz gives labels
that `hand-pose-25d label` wrote.

A file, or one of latent, latent2, direct, holistic, is one training run on data that is there:
on several GPUs torchrun --nproc-per-node=N -m hand_pose_25d.cli train CONFIG ...; on a few CPU
cores the same, with --threads 1: N batches a step in little more than the time of one.

On a GPU that its machine's cores cannot feed, --resident keeps the crops on it and makes the
batches there.  --minutes ends by the clock.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from hand_pose_25d_train.labelling.photo_folder import photo_folder

RECIPE_NAMES = ("accurate", "realtime", "detector")


def _photos(text: str) -> tuple[Path, Path | None]:
    return photo_folder(text) if "=" in text else (Path(text), None)


def _dataset(text: str) -> tuple[str, Path]:
    name, found, folder = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FOLDER")
    return name, Path(folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "config",
        help=f"{', '.join(RECIPE_NAMES)}, a paper's network (latent, latent2, direct, holistic), "
        "or a file",
    )
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/CONFIG)")
    parser.add_argument(
        "--renders", type=Path, nargs="*", default=[], metavar="DIR",
        help="rendered crops; of a recipe: one folder with crops/, scenes/ and holdout/, which "
        "are else rendered into OUT/renders",
    )  # fmt: skip
    parser.add_argument(
        "--photos", type=_photos, nargs="*", default=[], metavar="DIR[=NPZ]",
        help="photographs of hands, and their labels where `hand-pose-25d label` wrote some",
    )  # fmt: skip
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[], metavar="DIR",
                        help="photographs without people")  # fmt: skip
    parser.add_argument("--start", metavar="WEIGHTS", help="starting weights instead of the "
                        "configuration's")  # fmt: skip
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    parser.add_argument(
        "--minutes", type=float, help="end, and let the learning rate fall, by the clock"
    )
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument(
        "--workers", type=int, default=min(8, (os.cpu_count() or 2) // 2),
        help="processes that render and make batches (default: half the cores)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument(
        "--resident", type=int, default=0, metavar="N",
        help="make the batches on the device, which holds N rendered crops, the newest "
        "(150 kB each); --renders may still be growing",
    )  # fmt: skip
    recipes = parser.add_argument_group(f"recipes ({', '.join(RECIPE_NAMES)})")
    recipes.add_argument("--recipe", type=Path, metavar="FILE", help="instead of the shipped one")
    recipes.add_argument(
        "--size", choices=("auto", "cpu", "gpu"), default="auto",
        help="which of the recipe's sizes (default: by the device)",
    )  # fmt: skip
    recipes.add_argument("--crops", type=int, help="rendered crops, instead of the recipe's")
    recipes.add_argument("--scenes", type=int, help="rendered scenes, instead of the recipe's")
    recipes.add_argument("--skins", type=Path, help="folder of skin textures")
    recipes.add_argument("--objects", type=Path, help="folder of cut-out pictures (PNG, alpha)")
    recipes.add_argument(
        "--people", type=Path, help="photographs that datasets/marks/people_hands.yaml names"
    )
    single = parser.add_argument_group("one training run (latent, ..., or a file)")
    single.add_argument(
        "--datasets", type=_dataset, nargs="*", default=[], metavar="NAME=DIR",
        help="public datasets, drawn from in proportion to their sizes within 2D and 3D",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Train and say where the weights are."""
    import torch

    from hand_pose_25d_train.training.distributed import is_first

    logging.getLogger("hand_pose_25d").setLevel(logging.INFO)
    logging.getLogger("hand_pose_25d_train").setLevel(logging.INFO)
    if args.threads:
        torch.set_num_threads(args.threads)
    weights = _recipe(args) if args.config in RECIPE_NAMES else _single(args)
    if is_first():
        print(f"weights written to {weights}")
    return 0


def _recipe(args: argparse.Namespace) -> Path:
    from hand_pose_25d_train.training.materials import Materials
    from hand_pose_25d_train.training.run_recipe import run_recipe

    if args.datasets:
        raise ValueError("--datasets belongs to the paper's networks, not to a recipe")
    if len(args.renders) > 1:
        raise ValueError("a recipe takes one folder of --renders, with crops, scenes and holdout")
    materials = Materials(
        args.out or Path("runs") / args.config,
        args.renders[0] if args.renders else None,
        args.photos,
        args.backgrounds,
        args.skins,
        args.objects,
        args.people,
        args.device or "auto",
        args.workers,
        args.minutes,
        args.resident,
    )
    changes = {"start": args.start, "seed": args.seed}
    sizes = {"crops": args.crops, "scenes": args.scenes, "steps": args.steps}
    return run_recipe(args.config, materials, args.recipe, args.size, changes, sizes)


def _single(args: argparse.Namespace) -> Path:
    from dataclasses import replace

    from hand_pose_25d_train.training.config import load_config
    from hand_pose_25d_train.training.pose.trainer import Folders, train

    if bare := [str(folder) for folder, labels in args.photos if labels is None]:
        raise ValueError(f"--photos {bare[0]}: one training run needs FOLDER=LABELS.npz")
    config = load_config(args.config)
    if args.start:
        config = replace(config, start=args.start)
    loop = config.loop_config(
        args.out or Path("runs") / Path(args.config).stem,
        steps=args.steps,
        minutes=args.minutes,
        seed=args.seed,
        device=args.device,
    )
    folders = Folders(args.renders, args.photos, args.backgrounds, args.datasets)
    return train(config, folders, loop, args.workers, args.resident)
