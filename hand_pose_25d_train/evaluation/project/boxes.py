"""`hand-pose-25d evaluate boxes`: hands whose boxes are given, in rendered scenes, or hands found
in photographs.

`--photos`: recall, answers beside hands, handedness, and distances to marks by hand, in whole
photographs of held-out people and places, beside MediaPipe Hands (photo_boxes.py).

`--data`: what `HandPoseEstimator.estimate(boxes=...)` makes of boxes alone, tight ones and such as
another detector would give, against what the network sees in the region of the true keypoints, the
handedness known, as in tracking.  2D errors are shares of the box's longer side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import Box
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.landmarks import predict_landmarks
from hand_pose_25d.inference.metric_poses import solve
from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d_train.datasets.rendered_images import camera_of
from hand_pose_25d_train.datasets.shards import SceneSample, ShardDataset
from hand_pose_25d_train.evaluation.project.crops import root_relative
from hand_pose_25d_train.evaluation.project.labelled_images import MOSTLY_HIDDEN
from hand_pose_25d_train.evaluation.project.photo_boxes import MOST_HANDS, print_photo_table
from hand_pose_25d_train.labelling.photo_folder import photo_folder

_SMALLEST = 28.0
"""Longer side of a box, in pixels."""
LARGER, MOVED = (0.85, 1.35), 0.12
"""How another detector's boxes differ from tight ones: factors of the sides, and shares of them
by which the middle lies elsewhere."""
FAR_OFF = 20.0
"""Mean 2D error, % of the box, from which on a pose is wrong rather than inexact."""

Pose = tuple[np.ndarray, np.ndarray, bool]
"""(21, 2) pixels, (21, 3) metres, a right hand."""
EstimatePose = Callable[[SceneSample, LabelledHand], Pose]


@dataclass
class Errors:
    """Of one way to estimate poses."""

    pixels: list[float] = field(default_factory=list)
    """% of the box's longer side."""
    millimetres: list[float] = field(default_factory=list)
    """Root-relative and scale-aligned; NaN where there is no solution."""
    handedness: list[bool] = field(default_factory=list)
    """Whether the handedness is correct."""

    def add(self, pose: Pose, hand: LabelledHand) -> None:
        """Compare one pose with the truth."""
        uv, keypoints, is_right = pose
        side = max(hand.box[2:])
        self.pixels.append(100 * float(np.linalg.norm(uv - hand.uv, axis=1).mean()) / side)
        relative = 1e3 * float(root_relative(keypoints[None], hand.keypoints[None]).mean())
        self.millimetres.append(relative if np.isfinite(relative) else float("nan"))
        self.handedness.append(is_right == hand.is_right)

    def row(self) -> str:
        """Return the figures as cells of a table."""
        pixels = np.array(self.pixels)
        cells = [
            f"{pixels.mean():.2f}", f"{np.median(pixels):.2f}",
            f"{100 * np.mean(pixels > FAR_OFF):.1f}", f"{100 * np.mean(self.handedness):.1f}",
            f"{np.nanmean(self.millimetres):.1f}",
        ]  # fmt: skip
        return " | ".join(cells)


def counted_hands(folder: Path, count: int) -> Iterator[tuple[SceneSample, LabelledHand]]:
    """Yield the hands of rendered scenes that lie in the image, are not tiny nor mostly hidden."""
    scenes = ShardDataset(folder, masks=False)
    for index in range(min(count, len(scenes))):
        scene = scenes[index]
        height, width = scene.image.shape[:2]
        for hand in scene.hands:
            inside = ((hand.uv >= 0) & (hand.uv <= (width - 1, height - 1))).all()
            large = max(hand.box[2:]) >= _SMALLEST
            if inside and large and hand.visibility.mean() >= MOSTLY_HIDDEN:
                yield scene, hand


def loosened(box: Box, rng: np.random.Generator) -> Box:
    """Return a box (x, y, w, h) as another detector might give it."""
    low, sides = np.array(box[:2]), np.array(box[2:])
    middle = low + sides / 2 + rng.uniform(-MOVED, MOVED, 2) * sides
    sides = sides * rng.uniform(*LARGER, 2)
    x, y, w, h = (float(v) for v in (*(middle - sides / 2), *sides))
    return x, y, w, h


def as_tracked(runtime: PoseNetwork) -> EstimatePose:
    """Run the network on the region of the true keypoints, the handedness known."""
    prior = BoneLengthPrior.default()

    def estimate_pose(scene: SceneSample, hand: LabelledHand) -> Pose:
        region = Region.from_keypoints(hand.uv)
        frame = Frame(scene.image, camera_of(scene))
        found = predict_landmarks(runtime, frame, [region], [not hand.is_right])
        keypoints, p_right = solve(found, prior).keypoints[0], found.p_right[0]
        return found.keypoints_2d[0], keypoints, bool(p_right >= 0.5)

    return estimate_pose


def by_box(estimator: HandPoseEstimator, loose: bool) -> EstimatePose:
    """Run the estimator on the hand's box."""

    def estimate_pose(scene: SceneSample, hand: LabelledHand) -> Pose:
        rng = np.random.default_rng((scene.seed, hand.hand_id))
        box = loosened(hand.box, rng) if loose else hand.box
        (pose,) = estimator.estimate(scene.image, camera_of(scene), boxes=[box])
        return pose.keypoints_2d, pose.keypoints, pose.handedness == "right"

    return estimate_pose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder of rendered scenes")
    what.add_argument(
        "--photos", type=photo_folder, nargs="+", metavar="DIR=NPZ",
        help="photographs and their labels by `label --consensus`",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=2000, help="the most scenes")
    parser.add_argument("--weights", nargs="+", default=["accurate"], help="names or files")
    parser.add_argument("--detector", nargs="+", metavar="NAME",
                        help="with --photos: names or files (default: shipped)")  # fmt: skip
    parser.add_argument("--mediapipe", action="store_true",
                        help="with --photos: also evaluate MediaPipe Hands")  # fmt: skip
    parser.add_argument("--all", action="store_true",
                        help="with --photos: not only the held-out photographs")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table.  Raises ValueError where the scenes show no hand that counts."""
    if args.photos:
        estimators = {
            " behind ".join(Path(name).stem for name in (weights, detector) if name): (
                HandPoseEstimator(weights=weights, detector=detector, max_hands=MOST_HANDS)
            )
            for weights in args.weights
            for detector in args.detector or [None]
        }
        print_photo_table(args.photos, estimators, args.mediapipe, args.all)
        return 0
    ways: dict[str, EstimatePose] = {}
    for weights in args.weights:
        runtime = load_pose_network(weights, "auto")
        estimator = HandPoseEstimator(network=runtime)
        name = Path(weights).stem
        ways[f"{name}: region of the true keypoints, handedness known"] = as_tracked(runtime)
        ways[f"{name}: tight box"] = by_box(estimator, loose=False)
        ways[f"{name}: another detector's box"] = by_box(estimator, loose=True)
    errors = {label: Errors() for label in ways}
    count = 0
    for scene, hand in counted_hands(args.data, args.count):
        count += 1
        for label, estimate_pose in ways.items():
            errors[label].add(estimate_pose(scene, hand), hand)
    if not count:
        raise ValueError(f"{args.data}: no hand that counts")
    print(f"{count} hands.\n")
    print(f"| | 2D mean, % of the box | median | off by more than {FAR_OFF:.0f} %, % of hands "
          "| handedness correct % | MPJPE, mm |\n|---|---|---|---|---|---|")  # fmt: skip
    for label, found in errors.items():
        print(f"| {label} | {found.row()} |", flush=True)
    return 0
