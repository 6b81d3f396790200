"""The node hand_pose, and RViz if wanted.

ros2 launch hand_pose_25d hand.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info

Only arguments that are given go beyond the parameters file: what it says counts for the others.
"""

import os
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

SHARE = FindPackageShare("hand_pose_25d")
EMPTY = "empty: as params_file says"
LEVELS = ("debug", "info", "warn", "error", "fatal")
# name, default, description
ARGUMENTS = (
    ("image", "image", "Topic of the images (sensor_msgs/Image; with image_transport:=compressed "
     "the compressed images are expected on <image>/compressed)."),
    ("camera_info", "camera_info", "Topic of their calibration (sensor_msgs/CameraInfo); left as "
     "it is, the one beside the images."),
    ("depth", "depth", "Topic of depth images that are registered to the images; see use_depth."),
    ("detections", "detections", "Topic of another detector; see the parameter detections_type."),
    ("hands", "hands", "Topic on which hands are published (HandPoseArray)."),
    ("gestures", "gestures", "Topic on which pinch, closure and finger angles are published."),
    ("markers", "markers", "Topic on which markers for RViz are published."),
    ("debug_image", "debug_image", "Topic of images with the hands drawn over them."),
    ("namespace", "", "Namespace of the node and of every topic above that is relative."),
    ("params_file", PathJoinSubstitution([SHARE, "config", "hand.yaml"]),
     "YAML file with the node's parameters."),
    ("device", "", f"Where the networks run: auto, cpu, cuda or cuda:N; {EMPTY}."),
    ("image_transport", "", f"raw or compressed; {EMPTY}."),
    ("reliability", "", f"Of images, best_effort or reliable; {EMPTY}."),
    ("rectified", "", f"true where the images are rectified; {EMPTY}."),
    ("use_depth", "", f"true: depth images measure distances; {EMPTY}."),
    ("publish_tf", "", f"true: broadcast the wrists' frames on /tf; {EMPTY}."),
    ("autostart", "", f"false: wait for a lifecycle manager; {EMPTY}."),
    ("use_sim_time", "", f"true: take the time from /clock, as for bags; {EMPTY}."),
    ("fastdds_profile", "false", "true: Fast DDS with a shared-memory segment of 32 MB, for large "
     "images, in what is started here; or the path of another profile. The camera's driver needs "
     "it, too."),
    ("rviz", "false", "true: start RViz with image, markers and camera frame."),
    ("log_level", "info", "debug, info, warn, error or fatal."),
)  # fmt: skip
TOPICS = ("image", "camera_info", "depth", "detections", "hands", "gestures", "markers",
          "debug_image")  # fmt: skip
# Arguments that are parameters, and their types.
PARAMETERS = {
    "device": str,
    "image_transport": str,
    "reliability": str,
    "rectified": bool,
    "use_depth": bool,
    "publish_tf": bool,
    "autostart": bool,
    "use_sim_time": bool,
}


def start(context):
    """Start what the arguments say; called when they are known."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    text = {name: value[name].perform(context) for name in value}
    if text["log_level"].lower() not in LEVELS:
        raise ValueError(f"log_level is one of {', '.join(LEVELS)}, got {text['log_level']!r}")
    rviz = _is_true("rviz", text["rviz"])
    environment = _fastdds(text["fastdds_profile"])
    if rviz:
        _need_rviz()  # before the node is there, which would be left alone
    given = {
        name: ParameterValue(value[name], value_type=kind)
        for name, kind in PARAMETERS.items()
        if text[name]
    }
    logger = ".".join([*text["namespace"].strip("/").split("/"), "hand_pose"]).lstrip(".")
    node = Node(
        package="hand_pose_25d",
        executable="hand_pose",
        name="hand_pose",
        namespace=value["namespace"],
        output="screen",
        emulate_tty=True,
        arguments=["--ros-args", "--log-level", f"{logger}:={text['log_level'].lower()}"],
        parameters=[ParameterFile(value["params_file"]), *([given] if given else [])],
        remappings=[(name, value[name]) for name in TOPICS]
        + [("image/compressed", [value["image"], "/compressed"])],
    )
    if not rviz:
        return [*environment, node]
    simulated = {name: given[name] for name in ("use_sim_time",) if name in given}
    return [
        *environment,
        node,
        Node(
            package="rviz2",
            executable="rviz2",
            name="rviz",
            namespace=value["namespace"],
            arguments=["-d", PathJoinSubstitution([SHARE, "config", "hand.rviz"])],
            parameters=[simulated] if simulated else [],
            remappings=[(name, value[name]) for name in ("image", "markers", "debug_image")],
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start what they say."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def _is_true(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"{name} is true or false, got {text!r}")
    return text.lower() in ("true", "1")


def _fastdds(profile: str) -> list:
    """Return what has Fast DDS read a profile in every process started after it."""
    if profile.lower() in ("true", "1"):
        profile = str(Path(get_package_share_directory("hand_pose_25d"), "config", "fastdds.xml"))
    elif profile.lower() in ("false", "0", ""):
        return []
    path = Path(profile).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"fastdds_profile is true, false or a file, got {profile!r}")
    # Fast DDS 3 warns of the variable's former name.
    former = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    prefix = "FASTRTPS" if former else "FASTDDS"
    return [SetEnvironmentVariable(f"{prefix}_DEFAULT_PROFILES_FILE", str(path))]


def _need_rviz() -> None:
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        raise RuntimeError(
            "rviz:=true needs rviz2, which is not installed: sudo apt install "
            "ros-$ROS_DISTRO-rviz2"
        ) from None
