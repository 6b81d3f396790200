"""Hands of many recordings, as Parquet: one file a recording, tracked from its start to its end.

INPUT is a video, a folder of images, a rosbag2 folder, an .mcap file, a LeRobot v3 data set, or a
folder of these.  A recording that is done is skipped by its content and the settings; one that
fails is listed with its reason and costs only itself.  Exit code: 0, or 1 where one failed.
docs/archive.md describes the columns.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

from hand_pose_25d.archive.exports import FORMATS
from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.pool import WorkPlan, run_locally
from hand_pose_25d.archive.run import Runner, run_units, summary
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.commands.inputs import count
from hand_pose_25d.commands.options import add_estimator_arguments, estimator_options
from hand_pose_25d.inference.networks_by_use import SINGLE_IMAGES
from hand_pose_25d.io.sources import expand
from hand_pose_25d.settings import EstimatorSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="recordings, folders of them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of results")
    parser.add_argument(
        "--also", nargs="+", default=[], choices=(*FORMATS, "lerobot"), metavar="FORMAT",
        help="write these too: jsonl, mcap (topics hands, markers), csv (a row a hand), coco "
        "(COCO-WholeBody's hands), lerobot (a copy of the data set with the hands as columns)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="processes, or workers on Ray (default: one a core)",
    )  # fmt: skip
    parser.add_argument(
        "--ray", nargs="?", const="", metavar="ADDRESS",
        help="work on a Ray cluster: that of ADDRESS or RAY_ADDRESS (which does without this "
        "option), else one on this computer",
    )  # fmt: skip
    parser.add_argument(
        "--gpus", type=float, default=0.0, metavar="N",
        help="share of a GPU that a worker on Ray asks for (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--together", type=count, default=1, metavar="N",
        help="recordings that a worker with a share of a GPU tracks at once, with common forward "
        "passes (default: %(default)d)",
    )  # fmt: skip
    parser.add_argument(
        "--resume", action=argparse.BooleanOptionalAction, default=True,
        help="skip what is done, by content and settings (default); --no-resume works on all anew",
    )  # fmt: skip
    parser.add_argument(
        "--one-way", action="store_true", help="leave the columns smoothed_* empty"
    )
    parser.add_argument(
        "--keep-truncated", action="store_true",
        help="take the images of recordings that break off, instead of counting them as failed",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_recording_arguments(parser)
    add_estimator_arguments(parser, weights=SINGLE_IMAGES)


def _add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    camera = parser.add_argument_group("camera, where a recording has no CameraInfo")
    camera.add_argument(
        "--camera", type=Path, metavar="YAML",
        help="calibration as ROS writes it; counts before a bag's CameraInfo",
    )  # fmt: skip
    camera.add_argument("--focal", type=float, metavar="PX", help="focal length in pixels")
    camera.add_argument(
        "--field-of-view", type=float, metavar="DEG",
        help="across the longer side; distances are then only as right as this guess",
    )  # fmt: skip
    inputs = parser.add_argument_group("inputs")
    inputs.add_argument("--image-topic", metavar="TOPIC", help="of a bag with several")
    inputs.add_argument("--camera-info-topic", metavar="TOPIC", help="default: beside the images'")
    inputs.add_argument(
        "--rectified", action="store_true", help="a bag's images are rectified: P counts, not K, D"
    )
    inputs.add_argument("--camera-key", metavar="KEY", help="of a LeRobot data set with several")
    inputs.add_argument(
        "--rate", type=float, default=30.0, metavar="HZ",
        help="images a second of a folder of images (default: %(default)g)",
    )  # fmt: skip


def settings_of(args: argparse.Namespace) -> ProcessSettings:
    """Return the settings that the options describe.  Raises ValueError for wrong ones."""
    estimator = estimator_options(args)
    EstimatorSettings(**estimator)  # names a wrong option before the first recording
    if args.smoothing:
        raise ValueError("--smoothing is for images that come live; process smooths both ways")
    return ProcessSettings(
        estimator=tuple(sorted(estimator.items())),
        calibration=None if args.camera is None else expand(args.camera).absolute(),
        focal=args.focal,
        field_of_view=args.field_of_view,
        smoothing=not args.one_way,
        rate=args.rate,
        image_topic=args.image_topic,
        camera_info_topic=args.camera_info_topic,
        rectified=args.rectified,
        camera_key=args.camera_key,
        keep_truncated=args.keep_truncated,
    )


def run(args: argparse.Namespace) -> int:
    units = find_units(args.inputs, args.camera_key)
    formats = tuple(name for name in FORMATS if name in args.also)
    out = expand(args.out).absolute()
    plan = WorkPlan(settings_of(args), out, formats, args.together, args.resume)
    if "lerobot" in args.also:
        from hand_pose_25d.archive.lerobot_columns import copies, write_data_sets

        copies(units, out)  # names one that would take another's place before the work begins
    outcomes = run_units(units, plan, _runner(args), args.quiet)
    print(summary(outcomes))
    if "lerobot" in args.also:
        for folder in write_data_sets(units, plan.out):
            print(folder)
    return 1 if any(outcome.status == "failed" for outcome in outcomes) else 0


def _runner(args: argparse.Namespace) -> Runner:
    """Return what shares the recordings out: Ray where it is asked for, else local processes."""
    if args.ray is None and not os.environ.get("RAY_ADDRESS"):
        if args.together > 1:
            raise ValueError("--together is for workers on Ray: give --ray and --gpus")
        workers = (os.cpu_count() or 1) if args.workers is None else args.workers
        return partial(run_locally, workers=workers)
    from hand_pose_25d.archive.ray_pool import run_on_ray

    return partial(run_on_ray, workers=args.workers, address=args.ray or None, gpus=args.gpus)
