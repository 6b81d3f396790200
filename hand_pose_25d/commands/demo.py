"""Follow hands through the bundled clip, or your own video or webcam, and look at the result.

Writes overlay.mp4 and contact_sheet.png (the image with its hands beside a 3D view), and
hands.json.  For the bundled clip, whose ground truth is known, the error is printed too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from hand_pose_25d.commands.inputs import (
    Source,
    SourceImage,
    add_camera_arguments,
    camera_for,
    open_source,
    write_image,
)
from hand_pose_25d.commands.options import (
    add_estimator_arguments,
    camera_to_dict,
    make_estimator,
)
from hand_pose_25d.commands.truth import CLIP, ClipTruth, summarise_errors
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.videos import VideoWriter
from hand_pose_25d.visualization.draw_2d import contact_sheet, draw_hands, fit
from hand_pose_25d.visualization.draw_3d import MovingViewpoint, Viewpoint, draw_3d

SHEET_TILES = 8
PICTURE_HEIGHT = 480
LIVE_FRAMES = 300
"""Of a webcam, where --frames says nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP),
        help="video, folder of images, or a webcam's number (default: the bundled clip)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("demo_out"), help="folder")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N images")
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    live = args.source.isdigit()
    if live and args.frames is None:
        args.frames = LIVE_FRAMES
    source = open_source(args.source)
    truth = ClipTruth.load() if Path(args.source).resolve() == CLIP.resolve() else None
    estimator = make_estimator(args)
    found: list[list[HandPose]] = []
    kept: list[SourceImage] = []
    times = []
    camera = None
    for frame in tqdm(
        islice(source.frames, args.frames), total=_length(source, args.frames), unit="image"
    ):
        height, width = frame.image.shape[:2]
        camera = truth.camera if truth is not None else camera_for(args, width, height)
        start = time.perf_counter()
        hands = estimator.track(frame.image, camera, frame.stamp)
        times.append(time.perf_counter() - start)
        found.append(hands)
        if live:
            kept.append(frame)
    if camera is None:
        raise ValueError(f"{source.title} holds no images")
    # A long video does not fit into memory: its images are read once more.
    frames = kept if live else open_source(args.source).frames
    write_results(args.output, source, camera_to_dict(camera), zip(frames, found, strict=False))
    followed = sum(hand.state != "lost" for hands in found for hand in hands)
    milliseconds = np.array(times) * 1e3
    print(f"images   {len(found)}, hands {followed}, {estimator.runtime_name}")
    median, p95 = np.median(milliseconds), np.percentile(milliseconds, 95)
    print(f"latency  median {median:.1f} ms, 95 % below {p95:.1f} ms")
    if truth is not None:
        for line in summarise_errors(found, truth):
            print(line)
    print(f"pictures {args.output / 'overlay.mp4'}, {args.output / 'contact_sheet.png'}")
    return 0


def compose(frame: SourceImage, hands: list[HandPose], viewpoint: Viewpoint) -> np.ndarray:
    """Return the image with its hands beside the 3D view of them."""
    height = PICTURE_HEIGHT
    width = round(frame.image.shape[1] * height / frame.image.shape[0] / 2) * 2
    overlay = fit(draw_hands(frame.image, hands), width, height)
    return np.hstack([overlay, draw_3d(hands, (height, height), viewpoint)])


def write_results(
    folder: Path,
    source: Source,
    camera: dict[str, Any],
    seen: Iterable[tuple[SourceImage, list[HandPose]]],
) -> None:
    """Write overlay.mp4, contact_sheet.png and hands.json; `seen` is gone through once."""
    video = VideoWriter(folder / "overlay.mp4", source.rate)
    moving = MovingViewpoint()
    sheet = Sheet()
    images = []
    for frame, hands in tqdm(seen, total=source.length, unit="picture"):
        video.write(compose(frame, hands, moving.follow(hands)))
        sheet.offer(frame, hands)
        described = [hand.to_dict() for hand in hands]
        images.append({"name": frame.name, "stamp": round(frame.stamp, 6), "hands": described})
    video.close()
    if not images:
        raise ValueError(f"{source.title} holds no images")
    sheet.write(folder / "contact_sheet.png")
    record = {"source": source.title, "camera": camera, "images": images}
    (folder / "hands.json").write_text(json.dumps(record) + "\n")


class Sheet:
    """A contact sheet of images spread over a video whose length nobody knows."""

    def __init__(self) -> None:
        self._every, self._offered = 1, 0
        self._kept: list[tuple[SourceImage, list[HandPose]]] = []

    def offer(self, frame: SourceImage, hands: list[HandPose]) -> None:
        """Take note of an image; those without hands are passed over."""
        if not any(hand.state != "lost" for hand in hands):
            return
        if self._offered % self._every == 0:
            self._kept.append((frame, hands))
            if len(self._kept) == 4 * SHEET_TILES:  # from now on keep half as many
                self._kept, self._every = self._kept[::2], 2 * self._every
        self._offered += 1

    def write(self, path: Path) -> None:
        """Write the picture; without hands there is none."""
        if not self._kept:
            return
        count = min(SHEET_TILES, len(self._kept))
        picks = np.linspace(0, len(self._kept) - 1, count + 2).round().astype(int)[1:-1]
        chosen = [self._kept[i] for i in picks]
        tiles = [compose(frame, hands, Viewpoint.around(hands)) for frame, hands in chosen]
        tiles = [fit(tile, tile.shape[1] * 3 // 4, tile.shape[0] * 3 // 4) for tile in tiles]
        captions = [f"{frame.stamp:.2f} s" for frame, _ in chosen]
        write_image(path, contact_sheet(tiles, 2, captions))


def _length(source: Source, limit: int | None) -> int | None:
    if source.length is None or limit is None:
        return source.length or limit
    return min(source.length, limit)
