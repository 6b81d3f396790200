"""Look at hands in rerun: a video, a camera, a recording, or a result of `process`.

The viewer opens on this computer; --web shows it in the browser, --save writes a file for later
(`rerun FILE.rrd`).  A result's images are shown where its source still lies where it was.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hand_pose_25d.archive.exports import row_camera
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.opening import open_unit
from hand_pose_25d.archive.parquet import read_images, read_metadata
from hand_pose_25d.archive.schema import row_hand
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.commands.inputs import add_camera_arguments, count, described_camera
from hand_pose_25d.commands.options import add_estimator_arguments, make_estimator
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clips import CLIP
from hand_pose_25d.io.parts import PartFile, remove_abandoned_parts
from hand_pose_25d.io.sources import expand, open_source
from hand_pose_25d.visualization.rerun_log import WEB_PORT, RerunLog

logger = logging.getLogger(__name__)
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET")
"""Of these the viewer needs one."""


@dataclass(frozen=True)
class _Shown:
    """What is shown of an image."""

    stamp: float
    camera: Camera
    image: np.ndarray | None = None
    hands: list[HandPose] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", default=str(CLIP),
        help="video, folder of images, camera's number, rosbag2 folder, .mcap, or the .parquet of "
        "`process` (default: the bundled clip)",
    )  # fmt: skip
    parser.add_argument("--save", type=Path, metavar="FILE.rrd", help="write a file; no viewer")
    parser.add_argument("--web", action="store_true", help="show it in the browser")
    parser.add_argument(
        "--port", type=count, default=WEB_PORT, metavar="N",
        help="with --web: of the page; its data come from the next one (default: %(default)d)",
    )  # fmt: skip
    parser.add_argument(
        "--no-browser", action="store_true", help="with --web: open none, only say the address"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N images")
    parser.add_argument("--image-topic", metavar="TOPIC", help="of a bag with several")
    parser.add_argument("--camera-key", metavar="KEY", help="of a LeRobot data set with several")
    add_camera_arguments(parser)
    add_estimator_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.save is not None and args.save.suffix != ".rrd":
        raise ValueError(f"{args.save}: the name of rerun's files ends in .rrd")
    if args.save is None and not args.web and not any(map(os.environ.get, SCREENS)):
        raise ValueError(f"no screen ({', '.join(SCREENS)}): give --web or --save FILE.rrd")
    is_result = expand(args.source).suffix == ".parquet"
    images = _result(expand(args.source)) if is_result else _images(args)
    log = RerunLog(latency=not is_result)
    if args.save is not None:
        _save(log, args, images)
    elif args.web:
        logger.info("served at %s until Ctrl-C", log.serve(not args.no_browser, args.port))
        _show(log, args, images)
        _wait()
    else:
        log.spawn()
        _show(log, args, images)
        log.close()
    return 0


def _save(log: RerunLog, args: argparse.Namespace, images: Iterator[_Shown]) -> None:
    """Write the file; what was done stays, too, when an error or Ctrl-C ends it early."""
    remove_abandoned_parts(args.save.parent)
    part = PartFile(args.save)
    try:
        log.save(part.path)
        try:
            _show(log, args, images)
        finally:
            log.close()
            if log.images:
                part.finish()
    finally:
        part.discard()


def _show(log: RerunLog, args: argparse.Namespace, images: Iterator[_Shown]) -> None:
    estimator = None
    for shown in tqdm(islice(images, args.frames), unit="image"):
        hands, latency = shown.hands, None
        if hands is None and shown.image is not None:
            estimator = estimator or make_estimator(args)
            start = time.perf_counter()
            hands = estimator.track(shown.image, shown.camera, shown.stamp)
            latency = time.perf_counter() - start
        log.log(shown.stamp, shown.camera, hands or [], shown.image, latency)


def _wait() -> None:
    logger.info("all images are there; Ctrl-C ends it")
    while True:
        time.sleep(1.0)


def _images(args: argparse.Namespace) -> Iterator[_Shown]:
    """Yield what is to be tracked."""
    path = expand(args.source)
    if not path.exists():  # a camera or stream; what is neither is named there
        described = described_camera(args)
        for frame in open_source(args.source).frames:
            height, width = frame.image.shape[:2]
            yield _Shown(frame.stamp, described.camera(width, height), frame.image)
        return
    units = find_units([path], args.camera_key)
    if len(units) > 1:
        logger.info("%s holds %d recordings; the first is shown", path, len(units))
    settings = ProcessSettings(
        calibration=args.camera,
        focal=args.focal,
        field_of_view=args.field_of_view,
        image_topic=args.image_topic,
    )
    for image in open_unit(units[0], settings).images:
        yield _Shown(image.stamp, image.camera, image.image)


def _result(path: Path) -> Iterator[_Shown]:
    """Yield what `process` wrote, smoothed where it is, with the source's images if they exist.

    Raises FileNotFoundError, or ValueError for a file that `process` did not write.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such result: {path}")
    metadata = read_metadata(path)
    if "content_digest" not in metadata:
        raise ValueError(f"{path} is no result of `hand-pose-25d process`")
    pictures = _source_images(metadata["source"])
    for rows in read_images(path):
        hands = [row_hand(row, smoothed=True) for row in rows if row["track_id"] is not None]
        yield _Shown(rows[0]["stamp_ns"] / 1e9, row_camera(rows[0]), next(pictures, None), hands)


def _source_images(source: str) -> Iterator[np.ndarray]:
    path, _, episode = source.partition(", episode ")
    if not Path(path).exists():
        logger.warning("the source %s is not there: hands are shown without images", path)
        return
    units = find_units([path])
    unit = units[int(episode)] if episode else units[0]
    for image in open_unit(unit, ProcessSettings(field_of_view=60.0)).images:
        yield image.image
