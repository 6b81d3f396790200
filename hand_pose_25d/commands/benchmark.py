"""Time whole images and each part on this machine, beside MediaPipe Hands where it is installed.

Both work on the same images, in turn, in one process, following at most one hand and at most two.
All images count, those included on which the detector runs or a hand appears.  --load keeps so
many other processes busy meanwhile.  Compare figures of one run only: another load on the machine
changes all of them.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.options import add_network_arguments
from hand_pose_25d.commands.timing import (
    busy_processes,
    compare,
    in_turn,
    mediapipe_contenders,
    ours,
    parts,
    warm_up,
)
from hand_pose_25d.commands.timing_report import Report, plot, write_markdown
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.networks_by_use import VIDEO
from hand_pose_25d.inference.pose_network import load_pose_network
from hand_pose_25d.io.clips import CLIP
from hand_pose_25d.io.sources import open_source

MAX_HANDS = (1, 2)

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP), help="video or folder (default: the bundled clip)"
    )
    parser.add_argument("--frames", type=count, default=100, metavar="N", help="default: 100")
    parser.add_argument(
        "--load", type=int, default=0, metavar="N", help="keep N other processes busy meanwhile"
    )
    parser.add_argument("--no-mediapipe", action="store_true", help="leave MediaPipe out")
    parser.add_argument(
        "--compare", action="store_true",
        help="instead, both networks alone by every backend that runs here, turn by turn",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE",
        help="write the tables there too, in place of those of an earlier run",
    )  # fmt: skip
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw each image's time (needs matplotlib)"
    )
    parser.add_argument("--detector", type=Path, metavar="FILE", help="as --weights")
    parser.add_argument(
        "--detector-sizes", type=int, nargs="+", metavar="PX", help="sides of its input"
    )
    add_camera_arguments(parser)
    add_network_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.frames < 1 or args.load < 0:
        raise ValueError(f"--frames {args.frames}, --load {args.load}: at least 1 and 0")
    with busy_processes(args.load):
        if args.compare:
            figures = compare(
                args.weights or VIDEO, args.detector, args.device, args.threads, args.frames
            )
            for name, milliseconds in figures.items():
                print(f"{name:52s} {milliseconds:8.2f} ms")
            if args.json is not None:
                args.json.write_text(json.dumps({"median_ms": figures}) + "\n")
            return 0
        report = _measure(args)
    for name, milliseconds in report.median_ms.items():
        print(f"{name:44s} {milliseconds:8.2f} ms")
    print(f"\n{report.markdown()}")
    if args.json is not None:
        report.write_json(args.json)
    if args.markdown is not None:
        write_markdown(report.markdown(), args.markdown)
    if args.plot is not None:
        plot(report.contenders, args.plot)
    return 0


def _measure(args: argparse.Namespace) -> Report:
    frames = [f for f, _ in zip(open_source(args.source).frames, range(args.frames), strict=False)]
    if not frames:
        raise ValueError(f"{args.source} holds no images")
    height, width = frames[0].image.shape[:2]
    camera = described_camera(args).camera(width, height, frames[0].orientation)
    options = {"backend": args.backend, "precision": args.precision, "threads": args.threads}
    network = load_pose_network(args.weights or VIDEO, args.device, **options)
    detector = Detector(args.device, args.detector, sizes=args.detector_sizes, **options)
    sizes = " and ".join(map(str, detector.sizes))
    networks = f"pose network on {network.name}, detector at {sizes} px on {detector.name}"
    logger.info("%s", networks)
    warm_up(network, detector, frames)
    report = Report(len(frames), (width, height), networks, args.load, {})
    for most in MAX_HANDS:
        contenders = [ours(network, detector, camera, most)]
        with mediapipe_contenders(() if args.no_mediapipe else (most,)) as peers:
            contenders += peers
            in_turn(contenders, frames)
        report.contenders += contenders
    report.parts = parts(frames, camera, network, detector)
    return report
