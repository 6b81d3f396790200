"""`hand-pose-25d data`: check the files of a public dataset, or write a stand-in for one.

    hand-pose-25d data check rhp RHD_published_v2
    hand-pose-25d data standin rhp standins/rhp --renders renders/crops_holdout --count 300

`check` says what is there and what is missing, and draws 16 samples; its exit code is 0 where a
split can be read and nothing that its annotations name is missing.  `standin` writes our own
rendered hands in the dataset's on-disk format; it is not the dataset, and reports say so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.visualization.draw_2d import contact_sheet
from hand_pose_25d_train.datasets.datasets import DATASETS, dataset_module, open_dataset
from hand_pose_25d_train.datasets.sample import Part
from hand_pose_25d_train.datasets.sample_picture import sample_caption, sample_picture
from hand_pose_25d_train.datasets.standin import drawn_hands, read_mark, rendered_hands

DRAWN = 16
SHOWN_MISSING = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say what is there, what is missing; draw 16 samples")
    check.add_argument("dataset", choices=DATASETS)
    check.add_argument("folder", type=Path)
    check.add_argument("--out", type=Path, help="the picture (default: DATASET_samples.png)")
    standin = actions.add_parser("standin", help="write our own hands in a dataset's format")
    standin.add_argument("dataset", choices=DATASETS)
    standin.add_argument("folder", type=Path, help="new, or an older stand-in")
    source = standin.add_mutually_exclusive_group(required=True)
    source.add_argument("--renders", type=Path, metavar="DIR", help="rendered crops")
    source.add_argument("--drawn", action="store_true", help="stick figures, for trying out")
    standin.add_argument("--count", type=int, default=300)
    standin.add_argument("--split", help="training or evaluation")
    standin.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    return check(args) if args.action == "check" else standin(args)


def standin(args: argparse.Namespace) -> int:
    """Write a stand-in."""
    from hand_pose_25d_train.datasets.standin_formats import write_standin

    split = args.split or DATASETS[args.dataset].splits[-1]
    if split not in DATASETS[args.dataset].splits:
        allowed = ", ".join(DATASETS[args.dataset].splits)
        raise ValueError(f"{args.dataset} has the splits {allowed}, not {split!r}")
    if args.drawn:
        hands, source = drawn_hands(3 * args.count, args.seed), "stick figures"
    else:
        hands, source = rendered_hands(args.renders), f"rendered crops, {args.renders.name}"
    count = write_standin(args.dataset, args.folder, hands, args.count, split, source, args.seed)
    print(f"{count} hands written to {args.folder} in the format of {args.dataset}, {split}")
    return 0


def check(args: argparse.Namespace) -> int:
    """Print the inventory and draw samples."""
    if not args.folder.is_dir():
        raise FileNotFoundError(f"no folder {args.folder}")
    note = read_mark(args.folder)
    if note is not None:
        print(f"a stand-in for {args.dataset}, not the dataset: {note['source']}")
    parts = dataset_module(args.dataset).inventory(args.folder)
    print("\n".join(describe(part) for part in parts))
    usable = False
    for split in DATASETS[args.dataset].splits:
        try:
            dataset = open_dataset(args.dataset, args.folder, split)
        except (OSError, ValueError) as error:
            print(f"{split}: cannot be read: {error}")
            continue
        usable = True
        samples, problems = [], []
        for index in np.unique(np.linspace(0, len(dataset) - 1, DRAWN).round().astype(int)):
            try:
                samples.append(dataset[int(index)])
            except (OSError, ValueError) as error:
                problems.append(str(error))
        print(f"{split}: {len(dataset)} samples; {len(samples)} of {DRAWN} read and drawn")
        for problem in problems[:SHOWN_MISSING]:
            print(f"  {problem}")
        if samples:
            out = args.out or Path(f"{args.dataset}_samples.png")
            path = out.with_name(f"{out.stem}_{split}{out.suffix or '.png'}")
            path.parent.mkdir(parents=True, exist_ok=True)
            pictures = [sample_picture(sample) for sample in samples]
            sheet = contact_sheet(pictures, 4, [sample_caption(sample) for sample in samples])
            if not cv2.imwrite(str(path), sheet[..., ::-1]):
                raise OSError(f"cannot write {path}")
            print(f"  {path}")
    incomplete = any(part.missing and part.found for part in parts)
    return 0 if usable and not incomplete else 1


def describe(part: Part) -> str:
    """Return the lines of one part of an inventory."""
    expected = "" if part.expected is None else f" of {part.expected}"
    lines = [f"{part.name}: {part.found}{expected}"]
    lines += [f"  missing: {entry}" for entry in part.missing[:SHOWN_MISSING]]
    if len(part.missing) > SHOWN_MISSING:
        lines.append(f"  ... and {len(part.missing) - SHOWN_MISSING} more")
    return "\n".join(lines)
