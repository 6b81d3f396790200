"""What to do about images that DDS loses, by the DDS that is in use."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from rclpy.utilities import get_rmw_implementation_identifier

FAST_DDS_2 = ("humble", "iron", "jazzy")
"""Distributions of it; later ones have Fast DDS 3, which warns of the variable's former name."""


def profile_variable(distro: str | None = None) -> str:
    """Return the variable that names Fast DDS's profiles file; `distro`: by default ROS_DISTRO."""
    distro = os.environ.get("ROS_DISTRO", "") if distro is None else distro
    prefix = "FASTRTPS" if distro in FAST_DDS_2 else "FASTDDS"
    return f"{prefix}_DEFAULT_PROFILES_FILE"


def profile() -> Path:
    """Return the installed Fast DDS profile; in a checkout that is not built, its name there."""
    try:
        return Path(get_package_share_directory("hand_pose_25d"), "config", "fastdds.xml")
    except LookupError:
        return Path("config", "fastdds.xml")


def remedy(rmw: str = "") -> str:
    """Return what keeps large images from being lost; `rmw`: by default the one in use."""
    rmw = rmw or get_rmw_implementation_identifier()
    if "fastrtps" in rmw:
        how = f"start the camera's driver with {profile_variable()}={profile()}"
    elif "cyclonedds" in rmw:
        how = "raise net.core.rmem_max and CycloneDDS's SocketReceiveBufferSize to 10 MB"
    else:
        how = f"give {rmw} larger buffers"
    return f"{how}, or use image_transport:=compressed (docs/ros_interface.md, Transport)"
