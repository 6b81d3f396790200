"""`hand-pose-25d train CONFIG`: train a pose network; run again, it goes on where it stopped.

    hand-pose-25d render --mode crops --count 40000 --out renders/crops
    hand-pose-25d label photos/ --out labels/photos.npz --masks
    hand-pose-25d train realtime --renders renders/crops --photos photos/=labels/photos.npz
    hand-pose-25d train latent --datasets rhp=RHD_published_v2 shp=SHP mpii_nzsl=hand_labels

On several GPUs: torchrun --nproc-per-node=N -m hand_pose_25d.cli train CONFIG ...  On a few CPU
cores the same, with --threads 1: N batches a step in little more than the time of one.

On a GPU that its machine's cores cannot feed, --resident keeps the crops on it and makes the
batches there; `render` may still be writing them.  --minutes ends by the clock.
"""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path


def photo_folder(text: str) -> tuple[Path, Path]:
    """Split FOLDER=LABELS.npz; raises argparse.ArgumentTypeError for another form."""
    folder, found, labels = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected FOLDER=LABELS.npz")
    return Path(folder), Path(labels)


def _dataset(text: str) -> tuple[str, Path]:
    name, found, folder = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FOLDER")
    return name, Path(folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("config", help="a YAML file, or the name of one in config/train/")
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/CONFIG)")
    parser.add_argument("--renders", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument(
        "--photos",
        type=photo_folder,
        nargs="*",
        default=[],
        metavar="DIR=NPZ",
        help="photographs and their labels, as `hand-pose-25d label` writes them",
    )
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument(
        "--datasets",
        type=_dataset,
        nargs="*",
        default=[],
        metavar="NAME=DIR",
        help="public datasets, drawn from in proportion to their sizes within 2D and 3D",
    )
    parser.add_argument(
        "--start", metavar="WEIGHTS", help="starting weights instead of the configuration's"
    )
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    parser.add_argument(
        "--minutes", type=float, help="end, and let the learning rate fall, by the clock"
    )
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(8, (os.cpu_count() or 2) // 2),
        help="processes that make batches (default: half the cores)",
    )
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument(
        "--resident",
        type=int,
        default=0,
        metavar="N",
        help="make the batches on the device, which holds N rendered crops, the newest "
        "(150 kB each); --renders may still be growing",
    )


def run(args: argparse.Namespace) -> int:
    """Train and say where the weights are."""
    import torch

    from hand_pose_25d_train.training.config import load_config
    from hand_pose_25d_train.training.distributed import is_first
    from hand_pose_25d_train.training.pose.trainer import Folders, train

    logging.getLogger("hand_pose_25d").setLevel(logging.INFO)
    if args.threads:
        torch.set_num_threads(args.threads)
    config = load_config(args.config)
    if args.start:
        config = replace(config, start=args.start)
    out = args.out or Path("runs") / Path(args.config).stem
    loop = config.loop_config(
        out, steps=args.steps, minutes=args.minutes, seed=args.seed, device=args.device
    )
    folders = Folders(args.renders, args.photos, args.backgrounds, args.datasets)
    weights = train(config, folders, loop, args.workers, args.resident)
    if is_first():
        print(f"weights written to {weights}")
    return 0
