"""A video, a folder of images or a webcam, the node hand_pose, and RViz.

ros2 launch hand_pose_25d demo.launch.py                    # the bundled clip
ros2 launch hand_pose_25d demo.launch.py input:=0           # the first webcam
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

# name, default, description
ARGUMENTS = (
    ("input", "", "Video file, folder of images or a webcam's number; empty: the bundled clip."),
    ("camera_file", "", "Its calibration, YAML as camera_calibration writes it."),
    ("field_of_view", "60.0", "Horizontal, degrees; taken where there is no calibration."),
    ("lockstep", "true", "Files: wait for the hands of each image; false: the video's own rate."),
    ("namespace", "", "Namespace of the nodes."),
    ("device", "auto", "Where the networks run: auto, cpu, cuda or cuda:N."),
    ("rviz", "true", "Start RViz."),
)


def generate_launch_description() -> LaunchDescription:
    """Start the source beside what hand.launch.py starts."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    source = Node(
        package="hand_pose_25d",
        executable="source",
        name="source",
        namespace=value["namespace"],
        output="screen",
        parameters=[
            {
                "input": ParameterValue(value["input"], value_type=str),
                "camera_file": ParameterValue(value["camera_file"], value_type=str),
                "field_of_view": ParameterValue(value["field_of_view"], value_type=float),
                "lockstep": ParameterValue(value["lockstep"], value_type=bool),
            }
        ],
    )
    hand = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("hand_pose_25d"), "launch", "hand.launch.py"])
        ),
        launch_arguments={name: value[name] for name in ("namespace", "device", "rviz")}.items(),
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*arguments, source, hand])
