"""Find hands in images, folders of images, videos or a webcam: pictures with overlays, and JSON.

Images are taken one by one; videos and webcams are tracked.  In the JSON every hand has its
keypoints in metres in the camera's optical frame (x right, y down, z forward), their standard
deviations, and their pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hand_pose_25d.commands.inputs import add_camera_arguments, described_camera
from hand_pose_25d.commands.options import add_estimator_arguments, make_estimator
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.io.images import write_image
from hand_pose_25d.io.json import camera_to_dict
from hand_pose_25d.io.sources import Source, open_source
from hand_pose_25d.io.videos import VideoWriter
from hand_pose_25d.visualization.draw_2d import draw_hands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="image, folder, video, or a webcam's number"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("hands_out"), help="folder (%(default)s)"
    )
    parser.add_argument(
        "--box", type=float, nargs=4, action="append", metavar=("X", "Y", "W", "H"),
        help="a hand's box in pixels, instead of the detector; may be repeated",
    )  # fmt: skip
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N images of a source")
    parser.add_argument("--no-overlay", action="store_true", help="write the JSON only")
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    estimator = make_estimator(args)
    written: list[str] = []
    for name in args.sources:
        source = open_source(name)
        stem = Path(source.title).stem.replace(" ", "_") or "images"
        written.append(_run_source(args, estimator, source, _unused(stem, written)))
    return 0


def _run_source(
    args: argparse.Namespace, estimator: HandPoseEstimator, source: Source, stem: str
) -> str:
    """Work through one source; return the stem of the files written."""
    estimator.reset()
    described = described_camera(args)
    records: list[dict[str, Any]] = []
    hands_seen = 0
    camera = None
    video = VideoWriter(args.output / f"{stem}.mp4", source.rate)
    overlay = args.output / stem
    for i, frame in enumerate(source.frames):
        if args.frames is not None and i >= args.frames:
            break
        height, width = frame.image.shape[:2]
        camera = described.camera(width, height, frame.orientation)
        if source.is_video:
            hands = estimator.track(frame.image, camera, frame.stamp, boxes=args.box)
        else:
            hands = estimator.estimate(frame.image, camera, boxes=args.box)
        hands_seen += sum(hand.state != "lost" for hand in hands)
        records.append(
            {
                "name": frame.name,
                "stamp": round(frame.stamp, 6),
                "camera": camera_to_dict(camera),
                "hands": [hand.to_dict() for hand in hands],
            }
        )
        if not args.no_overlay:
            picture = draw_hands(frame.image, hands)
            if source.is_video:
                video.write(picture)
            else:
                write_image(overlay / f"{Path(frame.name).stem}.png", picture)
    video.close()
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / f"{stem}.json"
    path.write_text(json.dumps({"source": source.title, "images": records}) + "\n")
    pictures = video.path if source.is_video else overlay
    shown = "" if args.no_overlay or not records else f", {pictures}"
    print(f"{source.title}: {hands_seen} hands in {len(records)} images -> {path}{shown}")
    return stem


def _unused(stem: str, taken: list[str]) -> str:
    candidate, n = stem, 2
    while candidate in taken:
        candidate, n = f"{stem}_{n}", n + 1
    return candidate
