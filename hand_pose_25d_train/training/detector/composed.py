"""Photographs that a command names: what composed scenes are made of, and people."""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.training.command import photo_folder
from hand_pose_25d_train.training.detector.distractors import load_distractors
from hand_pose_25d_train.training.detector.people import ZOOM, PeoplePhotos
from hand_pose_25d_train.training.detector.photos import load_cut_outs
from hand_pose_25d_train.training.detector.scenes import ComposedScenes, TurnedScenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --photos, --backgrounds, --distractors and --people."""
    parser.add_argument(
        "--photos", type=photo_folder, nargs="*", default=[], metavar="DIR=NPZ",
        help="photographs and their label file",
    )  # fmt: skip
    parser.add_argument(
        "--backgrounds", type=Path, nargs="*", default=[],
        help="photographs without people, whose hands would be unlearned",
    )  # fmt: skip
    parser.add_argument("--distractors", type=Path, nargs="*", default=[],
                        help="folders of cut-outs (RGBA PNG), such as faces")  # fmt: skip
    parser.add_argument(
        "--people", type=Path,
        help="folder of the photographs that datasets/marks/people_hands.yaml names",
    )  # fmt: skip


def composed_scenes(args: argparse.Namespace, backgrounds: Backgrounds) -> ComposedScenes | None:
    """Load the photographs that are trained on, and the distractors; None without photographs."""
    cut_outs = [c for folder, labels in args.photos for c in load_cut_outs(folder, labels, False)]
    if not cut_outs:
        return None
    return ComposedScenes(cut_outs, backgrounds, load_distractors(args.distractors))


def people_scenes(args: argparse.Namespace) -> TurnedScenes | None:
    """Load the photographs of people; None where none are named."""
    return None if args.people is None else TurnedScenes(PeoplePhotos(args.people), ZOOM)
