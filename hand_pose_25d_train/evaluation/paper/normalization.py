"""Fig. 7: which bone should fix the root's depth?  The closed form with each of them.

    hand-pose-25d evaluate normalization --dataset rhp --data RHD_published_v2

Two answers a bone.  "annotation": annotated poses as 2.5D poses normalised by that bone, with
noise on pixels and depths, solved and scaled.  A network's name: its 2.5D poses, whose depths are
brought to that bone's unit by the prior's proportions; the network is not trained anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.reconstruction import pose25d
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior, global_scale
from hand_pose_25d.skeleton import BONES, KEYPOINT_NAMES, REFERENCE_BONE, bone_lengths
from hand_pose_25d_train.datasets.datasets import open_dataset
from hand_pose_25d_train.datasets.sample import Sample
from hand_pose_25d_train.evaluation import metrics
from hand_pose_25d_train.evaluation.paper import report
from hand_pose_25d_train.evaluation.paper.dataset_command import (
    add_paper_network_arguments,
    choose_prior,
    evenly_spread,
    runtimes,
)
from hand_pose_25d_train.evaluation.paper.predict import predict_sample

_COLUMNS = (
    "unsolved",
    "camera-space median mm",
    "CS-MPJPE mm",
    "camera-space AUC 0-100",
    "root-aligned median mm",
    "root-aligned AUC 20-50",
)
DATASETS_3D = ("rhp", "shp", "freihand")
DEFAULT_NOISE = (1.5, 4.0)
NOISE_CROP = 128
"""The noise's pixels are those of a crop of this side, of which the hand fills 70 %."""


@dataclass
class NormalizedHands:
    """2.5D poses and the truth, in the frames of their (virtual) cameras."""

    xy: np.ndarray
    """(N, 21, 2) normalised coordinates."""
    depth: np.ndarray
    """(N, 21) relative depths, in lengths of the reference bone (or metres, see `solve`)."""
    truth: np.ndarray
    """(N, 21, 3) metres."""


def solve_normalized(
    hands: NormalizedHands,
    bone: tuple[int, int],
    length: float | np.ndarray,
    prior: BoneLengthPrior,
) -> np.ndarray:
    """Return (N, 21, 3) metres by Eq. 3-8 with `bone`, whose length in the depths' unit is given.

    NaN where the quadratic has no solution, or one behind the camera.
    """
    root = pose25d.root_depth_closed_form(hands.xy, hands.depth, bone, length)
    unscaled = pose25d.decode(hands.xy, hands.depth, root, 1.0)
    points = unscaled * global_scale(bone_lengths(unscaled), prior)[:, None, None]
    bad = ~(points[..., 2] > 0).all(-1)
    points[bad] = np.nan
    return points


def annotated(
    truth: Sequence[np.ndarray], noise: tuple[float, float], seed: int = 0
) -> NormalizedHands:
    """Return noisy 2.5D poses of (21, 3) truths; depths in metres.  `noise`: px and mm."""
    rng = np.random.default_rng(seed)
    points = np.stack(truth)
    xy = points[..., :2] / points[..., 2:]
    extent = np.ptp(xy, axis=1).max(-1)  # what 70 % of the crop spans
    pixel = extent[:, None, None] / (0.7 * NOISE_CROP)
    xy = xy + rng.normal(0, noise[0], xy.shape) * pixel
    depth = points[..., 2] - points[:, :1, 2] + rng.normal(0, noise[1] / 1000, xy.shape[:2])
    return NormalizedHands(xy, depth - depth[:, :1], points)


def figures(points: np.ndarray, truth: np.ndarray) -> list[str]:
    """Return the cells of one bone: unsolved share, camera-space and root-aligned errors in mm."""
    camera_space = metrics.endpoint_errors(points, truth)
    aligned = metrics.endpoint_errors(metrics.root_aligned(points), metrics.root_aligned(truth))
    far = metrics.summarize(camera_space, *metrics.AUC_3D_METERS)
    near = metrics.summarize(aligned, *metrics.AUC_3D_NARROW_METERS)
    return [
        f"{far.missing / far.count:.3f}",
        f"{1000 * far.median:.1f}",
        f"{1000 * far.mean:.1f}",
        f"{far.auc:.3f}",
        f"{1000 * near.median:.1f}",
        f"{near.auc:.3f}",
    ]


def rows(
    hands: NormalizedHands, prior: BoneLengthPrior, metric: bool, label: str
) -> list[list[str]]:
    """Return one row for each of the 20 bones; `metric`: the depths are in metres."""
    found = []
    reference = prior.mean[BONES.index(REFERENCE_BONE)]
    for index, bone in enumerate(BONES):
        if metric:
            # Normalised by the bone's own true length, as a network trained with it would predict.
            length: float | np.ndarray = bone_lengths(hands.truth)[:, index]
        else:
            length = float(prior.mean[index] / reference)
        name = " - ".join(KEYPOINT_NAMES[k] for k in bone)
        mark = " *" if bone == REFERENCE_BONE else ""
        points = solve_normalized(hands, bone, length, prior)
        found.append([f"{label}: {name}{mark}", *figures(points, hands.truth)])
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--dataset", choices=DATASETS_3D, default="rhp")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    add_paper_network_arguments(parser)
    parser.add_argument(
        "--noise",
        type=float,
        nargs=2,
        default=DEFAULT_NOISE,
        metavar=("PX", "MM"),
        help="standard deviations on the annotations, px of a 128 crop and mm of depth",
    )
    parser.add_argument("--limit", type=int, help="use this many samples, evenly spread")
    parser.add_argument("--out", type=Path, default=Path("runs/normalization"))


def run(args: argparse.Namespace) -> int:
    """Print the table of all bones and write it, with a plot."""
    dataset = open_dataset(args.dataset, args.data, "evaluation")
    indices = evenly_spread(len(dataset), args.limit)
    prior = choose_prior(args)
    loaded = runtimes(args.weights, args.device)
    truth: list[np.ndarray] = []
    seen: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {n: [] for n, _ in loaded}
    for index in indices:
        sample: Sample = dataset[index]
        truth.append(sample.xyz)
        for name, runtime in loaded:
            found = predict_sample(runtime, sample, "search")
            camera, pose = found.cameras[0], found.prediction
            seen[name].append(
                (camera.rays(pose.uv[0]), pose.depth[0], camera.to_virtual(sample.xyz))
            )
    cells = [["normalisation bone", *_COLUMNS]]
    cells += rows(annotated(truth, tuple(args.noise)), prior, True, "annotation")
    for name, hands in seen.items():
        xy, depth, points = (np.stack(part) for part in zip(*hands, strict=True))
        cells += rows(NormalizedHands(xy, depth, points), prior, False, name)
    data = report.data_line(args.dataset, args.data, len(indices), len(dataset))
    print(f"Normalisation bone (Fig. 7).  {data}")
    print(f"Noise on annotations: {args.noise[0]} px, {args.noise[1]} mm.  * the one in use.\n")
    print(report.format_table(cells))
    report.write_csv(args.out / "normalization.csv", cells, data)
    draw(args.out / "normalization.png", cells, data)
    print(f"\nwritten: {args.out / 'normalization.csv'}, {args.out / 'normalization.png'}")
    return 0


def draw(path: Path, cells: list[list[str]], data: str) -> None:
    """Draw the camera-space AUC a bone, one bar for each source."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.6))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.08, 0.38, 0.9, 0.55))
    sources = list(dict.fromkeys(row[0].partition(": ")[0] for row in cells[1:]))
    width = 0.8 / len(sources)
    for number, source in enumerate(sources):
        own = [row for row in cells[1:] if row[0].partition(": ")[0] == source]
        place = np.arange(len(own)) + number * width
        axes.bar(place, [float(row[4]) for row in own], width, label=source)
        axes.set_xticks(place, [row[0].partition(": ")[2] for row in own], rotation=60, ha="right")
    axes.set(ylabel="AUC 0-100 mm, camera space", title="Normalisation bone (Fig. 7)")
    axes.legend(fontsize="small")
    figure.text(0.02, 0.02, data.partition(". ")[0][:120], fontsize=6)
    figure.savefig(path, dpi=120)
