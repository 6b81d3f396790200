"""The commands' options for the camera that took their images."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from hand_pose_25d.io.cameras import DEFAULT_FIELD_OF_VIEW, CameraDescription
from hand_pose_25d.io.sources import expand

logger = logging.getLogger(__name__)


def add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the camera."""
    group = parser.add_argument_group("camera")
    group.add_argument(
        "--camera",
        type=Path,
        metavar="YAML",
        help="calibration as ROS writes it (camera_calibration, camera_info_manager)",
    )
    group.add_argument(
        "--focal", type=float, metavar="PX", help="focal length in pixels of the images"
    )
    group.add_argument(
        "--field-of-view",
        type=float,
        default=DEFAULT_FIELD_OF_VIEW,
        metavar="DEG",
        help="across the longer side, where nothing better is known (default: %(default)g); "
        "distances are then only as good as this value",
    )


def count(text: str) -> int:
    """Return a whole number from 1 on, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"takes a whole number from 1 on, got {text!r}")
    return int(text)


def described_camera(args: argparse.Namespace) -> CameraDescription:
    """Return what the options say of the camera.  Raises ValueError for what is no camera."""
    if args.camera is not None and args.focal is not None:
        logger.warning("--camera counts; --focal is not used")
    calibration = None if args.camera is None else expand(args.camera)
    return CameraDescription(calibration, args.focal, args.field_of_view)
