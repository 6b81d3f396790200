"""Follow hands through the bundled clip, or your own video or webcam, and look at the result.

Writes overlay.mp4 and contact_sheet.png (the image with its hands beside a 3D view), and
hands.json.  For the bundled clip, whose ground truth is known, the error is printed too.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from hand_pose_25d.commands.inputs import (
    Frame,
    Source,
    add_camera_arguments,
    camera_for,
    open_source,
    write_image,
)
from hand_pose_25d.commands.options import (
    add_estimator_arguments,
    camera_to_dict,
    hand_to_dict,
    make_estimator,
)
from hand_pose_25d.commands.truth import CLIP, ClipTruth, summarise_errors
from hand_pose_25d.commands.video import VideoWriter
from hand_pose_25d.drawing import contact_sheet, draw_hands, fit
from hand_pose_25d.hand import HandPose
from hand_pose_25d.view3d import Viewpoint, draw_3d

SHEET_TILES = 8
PICTURE_HEIGHT = 480


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP),
        help="video, folder of images, or a webcam's number (default: the bundled clip)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("demo_out"), help="folder")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N images")
    parser.add_argument("--smoothing", action="store_true", help="One-Euro filter (delays)")
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    source = open_source(args.source)
    truth = ClipTruth.load() if Path(args.source).resolve() == CLIP.resolve() else None
    estimator = make_estimator(args, smoothing=args.smoothing)
    seen: list[tuple[Frame, list[HandPose]]] = []
    times = []
    camera = None
    frames = islice(source.frames, args.frames)
    for frame in tqdm(frames, total=_length(source, args.frames), unit="image"):
        height, width = frame.image.shape[:2]
        camera = truth.camera if truth is not None else camera_for(args, width, height)
        start = time.perf_counter()
        hands = estimator.track(frame.image, camera, frame.stamp)
        times.append(time.perf_counter() - start)
        seen.append((frame, hands))
    if not seen or camera is None:
        raise ValueError(f"{source.title} holds no images")
    write_results(args.output, source, camera_to_dict(camera), seen)
    followed = sum(hand.state != "lost" for _, hands in seen for hand in hands)
    milliseconds = np.array(times) * 1e3
    print(f"images   {len(seen)}, hands {followed}, {estimator.runtime_name}")
    median, p95 = np.median(milliseconds), np.percentile(milliseconds, 95)
    print(f"latency  median {median:.1f} ms, 95 % below {p95:.1f} ms")
    if truth is not None:
        for line in summarise_errors([hands for _, hands in seen], truth):
            print(line)
    print(f"pictures {args.output / 'overlay.mp4'}, {args.output / 'contact_sheet.png'}")
    return 0


def compose(frame: Frame, hands: list[HandPose], viewpoint: Viewpoint) -> np.ndarray:
    """Return the image with its hands beside the 3D view of them."""
    height = PICTURE_HEIGHT
    width = round(frame.image.shape[1] * height / frame.image.shape[0] / 2) * 2
    overlay = fit(draw_hands(frame.image, hands), width, height)
    return np.hstack([overlay, draw_3d(hands, (height, height), viewpoint)])


def write_results(
    folder: Path,
    source: Source,
    camera: dict[str, Any],
    seen: list[tuple[Frame, list[HandPose]]],
) -> None:
    """Write video, sheet and JSON."""
    viewpoint = Viewpoint.around([hand for _, hands in seen for hand in hands])
    video = VideoWriter(folder / "overlay.mp4", source.rate)
    for frame, hands in tqdm(seen, unit="picture"):
        video.write(compose(frame, hands, viewpoint))
    video.close()
    chosen = _choose(seen)
    tiles = [compose(frame, hands, Viewpoint.around(hands)) for frame, hands in chosen]
    tiles = [cv2.resize(t, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA) for t in tiles]
    captions = [f"{frame.stamp:.2f} s" for frame, _ in chosen]
    write_image(folder / "contact_sheet.png", contact_sheet(tiles, 2, captions))
    images = [
        {"name": f.name, "stamp": round(f.stamp, 6), "hands": [hand_to_dict(h) for h in hands]}
        for f, hands in seen
    ]
    record = {"source": source.title, "camera": camera, "images": images}
    (folder / "hands.json").write_text(json.dumps(record) + "\n")


def _choose(seen: list[tuple[Frame, list[HandPose]]]) -> list[tuple[Frame, list[HandPose]]]:
    """Return images spread over the video, those with hands if there are enough."""
    with_hands = [row for row in seen if any(hand.state != "lost" for hand in row[1])]
    rows = with_hands if len(with_hands) >= SHEET_TILES else seen
    picks = np.linspace(0, len(rows) - 1, min(SHEET_TILES, len(rows)) + 2).round().astype(int)
    return [rows[i] for i in picks[1:-1]]


def _length(source: Source, limit: int | None) -> int | None:
    if source.length is None or limit is None:
        return source.length or limit
    return min(source.length, limit)
