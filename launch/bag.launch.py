"""A bag in, a bag out: every image of a recording worked on, in lockstep, and the hands recorded.

ros2 launch hand_pose_25d bag.launch.py bag:=walk.mcap out:=walk_hands.mcap
ros2 launch hand_pose_25d bag.launch.py bag:=kitchen out:=hands.mcap image_topic:=/head/image_raw

No image is dropped, however slow the machine is.  `hand-pose-25d process --weights realtime` does
the same without ROS.
"""

from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

SHARE = FindPackageShare("hand_pose_25d")
# name, default (None: it must be given), description
ARGUMENTS = (
    ("bag", None, "rosbag2 folder, .mcap, .db3, or a .bag of ROS 1."),
    ("out", "hands.mcap", "MCAP file with images (as JPEG), camera_info, hands and markers, at "
     "the times of the headers; where there is one, a number is put behind its stem."),
    ("image_topic", "", "Of the images in the bag; empty: the only one there is."),
    ("camera_info_topic", "", "Of their CameraInfo; empty: the one beside the images."),
    ("camera_file", "", "A calibration that counts before the bag's CameraInfo."),
    ("field_of_view", "", "Degrees across the longer side, for a bag without CameraInfo."),
    ("rectified", "false", "true where the images are rectified."),
    ("params_file", PathJoinSubstitution([SHARE, "config", "hand.yaml"]),
     "YAML file with the node's parameters."),
    ("namespace", "", "Namespace of the nodes."),
    ("device", "", "Where the networks run: auto, cpu, cuda or cuda:N."),
    ("fastdds_profile", "true", "As in hand.launch.py: room for large images in shared memory."),
    ("rviz", "false", "true: start RViz."),
)  # fmt: skip
# Those of the source, and their types.
PARAMETERS = {
    "image_topic": str,
    "camera_info_topic": str,
    "camera_file": str,
    "field_of_view": float,
    "rectified": bool,
}
HAND = ("namespace", "params_file", "device", "rectified", "rviz", "fastdds_profile")


def start(context):
    """Start what the arguments say; called when they are known."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    hand = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", "hand.launch.py"])),
        launch_arguments={
            **{name: value[name] for name in HAND},
            "reliability": "reliable",  # the source is, and no image of the bag is lost
        }.items(),
    )
    recorder = Node(
        package="hand_pose_25d",
        executable="recorder",
        name="recorder",
        namespace=value["namespace"],
        output="screen",
        parameters=[
            {
                "output": ParameterValue(value["out"], value_type=str),
                "reliable": True,
                "header_time": True,
            }
        ],
        on_exit=[Shutdown(reason="nothing is recorded any more")],
    )
    given = {
        name: ParameterValue(value[name], value_type=kind)
        for name, kind in PARAMETERS.items()
        if value[name].perform(context)
    }
    source = Node(
        package="hand_pose_25d",
        executable="source",
        name="source",
        namespace=value["namespace"],
        output="screen",
        parameters=[
            {
                "input": ParameterValue(value["bag"], value_type=str),
                "subscribers": 2,  # the node and the recorder
                **given,
            }
        ],
        on_exit=[Shutdown(reason="the bag has ended")],
    )
    # What can fail at once comes first, and the profile of Fast DDS before what needs it.
    return [hand, recorder, source]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start what they say."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
