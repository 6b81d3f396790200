"""Bags with this package's messages, by the library rosbags: no ROS is needed to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

MESSAGES = ("HandPose", "HandPoseArray")


def typestore() -> Any:
    """Return rosbags' type store with the definitions of our messages."""
    store = get_typestore(Stores.ROS2_HUMBLE)  # the messages used have not changed since
    for name in MESSAGES:
        text = (_message_folder() / f"{name}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, f"hand_pose_25d/msg/{name}"))
    return store


def type_name(message: Any) -> str:
    """Return a ROS message's type as bags name it, e.g. "std_msgs/msg/Header"."""
    package = type(message).__module__.split(".")[0]
    return f"{package}/msg/{type(message).__name__}"


def _message_folder() -> Path:
    """Return where the .msg files are: installed in share/, or beside the package."""
    beside = Path(__file__).resolve().parents[2] / "msg"
    if (beside / "HandPose.msg").is_file():
        return beside
    from ament_index_python.packages import get_package_share_directory

    return Path(get_package_share_directory("hand_pose_25d"), "msg")
