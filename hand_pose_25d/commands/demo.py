"""Follow hands through the bundled clip, or your own video or webcam, and see the result.

Writes overlay.mp4 and contact_sheet.png (the image with its hands beside a 3D view), and
hands.json.  For the bundled clip, whose ground truth is known, the error is printed too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.interrupts import Interrupts, interruptible
from hand_pose_25d.commands.options import add_estimator_arguments, make_estimator
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clip_errors import summarise_errors
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.io.results import write_results
from hand_pose_25d.io.sources import Source, SourceImage, expand, open_source

LIVE_FRAMES = 300
"""Of a webcam, where --frames says nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP),
        help="video, folder of images, or a webcam's number (default: the bundled clip)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("demo_out"), help="folder")
    parser.add_argument("--frames", type=count, metavar="N", help="stop after N images")
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    source = open_source(args.source)
    described = described_camera(args)
    if source.live and args.frames is None:
        args.frames = LIVE_FRAMES
    truth = load_clip(CLIP) if expand(args.source).resolve() == CLIP.resolve() else None
    estimator = make_estimator(args)
    found: list[list[HandPose]] = []
    times: list[float] = []

    def follow(interrupts: Interrupts) -> Iterator[tuple[SourceImage, Camera, list[HandPose]]]:
        length = _length(source, args.frames)
        for frame in tqdm(islice(source.frames, args.frames), total=length, unit="image"):
            if interrupts:
                return
            height, width = frame.image.shape[:2]
            camera = (
                truth.camera
                if truth is not None
                else (described.camera(width, height, frame.orientation))
            )
            start = time.perf_counter()
            hands = estimator.track(frame.image, camera, frame.stamp)
            times.append(time.perf_counter() - start)
            found.append(hands)
            yield frame, camera, hands

    with interruptible() as interrupts:
        calibration = () if described.calibration is None else (described.calibration,)
        write_results(args.output, source, follow(interrupts), calibration)
    followed = sum(hand.state != "lost" for hands in found for hand in hands)
    milliseconds = np.array(times) * 1e3
    print(f"images   {len(found)}, hands {followed}, {estimator.runtime_name}")
    median, p95 = np.median(milliseconds), np.percentile(milliseconds, 95)
    print(f"latency  median {median:.1f} ms, 95 % below {p95:.1f} ms")
    if truth is not None:
        for line in summarise_errors(found, truth):
            print(line)
    print(f"pictures {args.output / 'overlay.mp4'}, {args.output / 'contact_sheet.png'}")
    return interrupts.exit_code if interrupts else 0


def _length(source: Source, limit: int | None) -> int | None:
    if source.length is None or limit is None:
        return source.length or limit
    return min(source.length, limit)
