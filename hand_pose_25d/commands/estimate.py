"""Find hands in images, folders of images, videos or a webcam: pictures with overlays, and JSON.

Images are taken one by one; videos and webcams are tracked.  With --smoothing a webcam's hands go
through a Kalman filter, and those of a video are smoothed both ways at its end.

In the JSON every hand has its keypoints in metres in the camera's optical frame (x right, y down,
z forward), their standard deviations, and their pixels.

Results never take the name of an input, nor of a file that is not of an earlier run: then a number
is put behind.  Every image's record is written at once (.jsonl, which becomes the .json), so that
Ctrl-C loses nothing; the same command then goes on with a folder's or video's other images.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.interrupts import Interrupts, interruptible
from hand_pose_25d.commands.options import add_estimator_arguments, make_estimator
from hand_pose_25d.commands.resume import ResumedVideo
from hand_pose_25d.commands.smoothed_records import covariance_record, smoothed_records
from hand_pose_25d.estimator import HandPoseEstimator
from hand_pose_25d.inference.networks_by_use import SINGLE_IMAGES
from hand_pose_25d.io.cameras import CameraDescription
from hand_pose_25d.io.images import write_image
from hand_pose_25d.io.json import camera_to_dict
from hand_pose_25d.io.json_lines import RecordWriter
from hand_pose_25d.io.outputs import picture_names, unused_stem
from hand_pose_25d.io.parts import remove_abandoned_parts, whole_or_nothing
from hand_pose_25d.io.sources import Source, input_files, open_source
from hand_pose_25d.io.tables import TABLES, write_table
from hand_pose_25d.io.videos import VideoWriter
from hand_pose_25d.visualization.draw_2d import draw_hands

logger = logging.getLogger(__name__)


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
    parser.add_argument(
        "--frames", type=count, metavar="N", help="stop after N images of a source"
    )
    parser.add_argument(
        "--format", nargs="+", default=[], choices=tuple(TABLES), metavar="FORMAT",
        help="write these beside the JSON: csv, a row a hand; coco, COCO-WholeBody's hands",
    )  # fmt: skip
    parser.add_argument("--no-overlay", action="store_true", help="write the JSON only")
    add_camera_arguments(parser)
    add_estimator_arguments(parser, weights=SINGLE_IMAGES)


def run(args: argparse.Namespace) -> int:
    described = described_camera(args)
    inputs = [path for name in args.sources for path in input_files(name)]
    estimator = make_estimator(args)
    taken: list[str] = []
    code = 0
    with interruptible() as interrupts:
        for name in args.sources:
            stem = Path(name).stem.replace(" ", "_") or "images"
            stem = unused_stem(args.output, stem, inputs, taken)
            taken.append(stem)
            try:
                _run_source(args, estimator, described, name, stem, interrupts)
            except (OSError, ValueError) as error:  # one bad source should not cost the others
                if len(args.sources) == 1:
                    raise
                logger.error("%s", error)
                code = 2
            if interrupts:
                return interrupts.exit_code
    return code


def _run_source(
    args: argparse.Namespace,
    estimator: HandPoseEstimator,
    described: CameraDescription,
    name: str,
    stem: str,
    interrupts: Interrupts,
) -> None:
    """Work through one source and write STEM.json, and STEM.mp4 or pictures in the folder STEM."""
    for folder in (args.output, args.output / stem):
        remove_abandoned_parts(folder)
    estimator.reset()
    source = open_source(name)
    both_ways = args.smoothing and source.is_video and not source.live
    estimator.tune(smoothing=args.smoothing and source.live)
    heading, settings = {"source": source.title}, _settings(args) | _contents(source)
    writer = RecordWriter(
        args.output / f"{stem}.json",
        heading,
        settings,
        resume=not source.live,
        finish=smoothed_records if both_ways else None,
    )
    if writer.records:
        print(f"{source.title}: {len(writer.records)} images are done from a run before")
    if not source.is_video and writer.done:
        source = open_source(name, skip=writer.done)
    resumed = ResumedVideo(writer.records)
    video = VideoWriter(args.output / f"{stem}.mp4", source.rate)
    pictures, overlay = picture_names(path.name for path in source.files), args.output / stem
    complete = False
    try:
        for i, frame in enumerate(source.frames):
            if interrupts or (args.frames is not None and i >= args.frames):
                break
            height, width = frame.image.shape[:2]
            camera = described.camera(width, height, frame.orientation)
            done = False
            if source.is_video:
                track = partial(estimator.track, frame.image, camera, frame.stamp, args.box)
                hands, done = resumed.next(track)
            else:
                hands = estimator.estimate(frame.image, camera, boxes=args.box)
            if not args.no_overlay:
                picture = draw_hands(frame.image, hands)
                if source.is_video:
                    video.write(picture)
                else:
                    write_image(overlay / pictures[frame.name], picture)
            if done:
                continue
            records = [hand.to_dict() for hand in hands]
            if both_ways:
                records = [r | covariance_record(h) for r, h in zip(records, hands, strict=True)]
            writer.write(
                {
                    "name": frame.name,
                    "stamp": round(frame.stamp, 6),
                    "camera": camera_to_dict(camera),
                    "hands": records,
                }
            )
        complete = not interrupts
    finally:
        video.close()
        writer.close(complete)
    for table in args.format:
        path = args.output / f"{stem}{TABLES[table]}"
        with whole_or_nothing(path) as part:
            write_table(table, writer.records, part)
        print(f"{source.title}: {path}")
    hands_seen = sum(h["state"] != "lost" for r in writer.records for h in r["hands"])
    shown = (
        ""
        if args.no_overlay or not writer.records
        else (f", {video.path if source.is_video else overlay}")
    )
    broken = "interrupted; " if interrupts else ""
    print(
        f"{source.title}: {broken}{hands_seen} hands in {len(writer.records)} images -> "
        f"{writer.path}{shown}"
    )


def _settings(args: argparse.Namespace) -> dict[str, str]:
    """Return the options on which the records depend."""
    others = ("sources", "output", "frames", "no_overlay", "format", "command", "verbose",
              "traceback")  # fmt: skip
    return {k: str(v) for k, v in sorted(vars(args).items()) if k not in others}


def _contents(source: Source) -> dict[str, str]:
    """Return what tells a video from another that takes its name."""
    if not source.is_video:
        return {}
    files = [path.stat() for path in source.files]
    return {"files": ", ".join(f"{file.st_size} bytes of {file.st_mtime_ns}" for file in files)}
