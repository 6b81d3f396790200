"""The protocols of the paper's datasets, as commands.

hand-pose-25d evaluate rhp --data RHD_published_v2
hand-pose-25d evaluate dexter_object --data dexter+object --shp SHP --weights my.safetensors
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from hand_pose_25d.inference.pose_network import PoseNetwork, load_pose_network
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import bone_lengths
from hand_pose_25d_train.datasets.datasets import open_dataset
from hand_pose_25d_train.datasets.shp import SHP
from hand_pose_25d_train.evaluation.paper import report
from hand_pose_25d_train.evaluation.paper.predict import CROP_PLACEMENTS, estimate
from hand_pose_25d_train.evaluation.paper.protocols import PROTOCOLS, Row, run_protocol
from hand_pose_25d_train.networks.formulations import load_any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that all protocols share."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the dataset")
    add_paper_network_arguments(parser)
    parser.add_argument(
        "--look",
        choices=CROP_PLACEMENTS,
        default="search",
        help="how the hand is shown to the network, given the annotated box (default: search)",
    )
    parser.add_argument("--limit", type=int, help="evaluate this many samples, evenly spread")
    parser.add_argument("--out", type=Path, help="folder for CSV and PNG (default: runs/PROTOCOL)")


def add_paper_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which networks are evaluated and which prior gives the scale."""
    parser.add_argument(
        "--weights",
        nargs="+",
        default=["accurate"],
        metavar="NAME",
        help="names of shipped networks, or .safetensors files; one or more rows each",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    prior = parser.add_mutually_exclusive_group()
    prior.add_argument(
        "--shp",
        type=Path,
        metavar="DIR",
        help="SHP: its training set's mean bone lengths give the scale, as in the paper",
    )
    prior.add_argument(
        "--bone-lengths", type=Path, metavar="YAML", help="a prior (default: the shipped one)"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the table, write CSV and plots."""
    import cv2

    cv2.setNumThreads(1)  # crops are small: threads cost more than they bring
    protocol = PROTOCOLS[args.protocol]
    dataset = open_dataset(protocol.name, args.data, protocol.split)
    indices = evenly_spread(len(dataset), args.limit)
    prior = choose_prior(args)
    rows: list[Row] = []
    for name, runtime in runtimes(args.weights, args.device):
        rows += run_protocol(
            protocol,
            dataset,
            _progress(indices, name),
            name,
            partial(estimate, runtime, prior=prior, how=args.look),
        )
    title = protocol.title.split(",")[0]
    data = report.data_line(title, args.data, len(indices), len(dataset))
    cells = report.table(protocol, rows)
    print(f"{protocol.title}.  {data}")
    print(f"Crops: {args.look}.  Scale: bone lengths of {prior.source or 'the given prior'}.\n")
    print(report.format_table(cells))
    out = args.out or Path("runs") / args.protocol
    report.write_csv(out / f"{protocol.name}.csv", cells, data)
    files = [out / f"{protocol.name}.csv", *report.write_curves(out, protocol, rows, data)]
    print("\nwritten: " + ", ".join(str(path) for path in files))
    return 0


def evenly_spread(count: int, limit: int | None) -> list[int]:
    """Return `limit` indices evenly spread over `count`, or all.

    Raises ValueError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}")
    if limit is None or limit >= count:
        return list(range(count))
    return np.linspace(0, count - 1, limit).round().astype(int).tolist()


def runtimes(weights: list[str], device: str) -> list[tuple[str, PoseNetwork]]:
    """Load the networks; each with the name that its rows carry."""
    exported = (".onnx", ".xml", ".pt")
    networks = [name if Path(name).suffix in exported else load_any(name) for name in weights]
    return [
        (Path(name).stem, load_pose_network(network, device))
        for name, network in zip(weights, networks, strict=True)
    ]


def choose_prior(args: argparse.Namespace) -> BoneLengthPrior:
    """Return the prior that the options ask for."""
    if args.shp is not None:
        return shp_prior(SHP(args.shp, "training"))
    if args.bone_lengths is not None:
        return BoneLengthPrior.load(args.bone_lengths)
    return BoneLengthPrior.default()


def shp_prior(shp: SHP) -> BoneLengthPrior:
    """Return the prior of SHP's person: the mean bone lengths of its labels (Section 5)."""
    # The covariance is that of one person's labels; 5 % a bone keeps the MAP from trusting it.
    return BoneLengthPrior.from_samples(bone_lengths(shp.poses()), "SHP's training set", 0.05)


def _progress(indices: list[int], name: str):
    from tqdm import tqdm

    return tqdm(indices, desc=name, unit="sample", mininterval=2, leave=False)
