"""Bags with this package's messages, by the library rosbags: no ROS is needed to read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from hand_pose_25d.io.annotations import DEFINITIONS

MESSAGES = ("HandPose", "HandPoseArray")


def typestore() -> Any:
    """Return rosbags' type store with the definitions of our messages and of image annotations."""
    store = get_typestore(Stores.ROS2_HUMBLE)  # the messages used have not changed since
    for name, text in DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    for name in MESSAGES:
        text = (_message_folder() / f"{name}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, f"hand_pose_25d/msg/{name}"))
    return store


def stamp_ns(header: Any) -> int:
    """Return a header's stamp in nanoseconds."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def type_name(message: Any) -> str:
    """Return a ROS message's type as bags name it, e.g. "std_msgs/msg/Header"."""
    package = type(message).__module__.split(".")[0]
    return f"{package}/msg/{type(message).__name__}"


def _message_folder() -> Path:
    """Return where the .msg files are: beside the package, or in a sourced workspace's share/.

    Raises FileNotFoundError where they are in neither.
    """
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    folders = [Path(__file__).resolve().parents[2] / "msg"]
    folders += [Path(prefix, "share/hand_pose_25d/msg") for prefix in prefixes]
    for folder in folders:
        if (folder / "HandPose.msg").is_file():
            return folder
    raise FileNotFoundError(
        "HandPose.msg is neither in the checkout nor in a sourced workspace; "
        "build the package and source install/local_setup.bash"
    )
