"""A video, a folder of images or a webcam, the node hand_pose, and RViz; ends with the input.

ros2 launch hand_pose_25d demo.launch.py                    # the bundled clip
ros2 launch hand_pose_25d demo.launch.py input:=0           # the first webcam
ros2 launch hand_pose_25d demo.launch.py loop:=true         # again and again
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
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
    ("field_of_view", "60.0", "Of the longer side, degrees; taken where there is no calibration."),
    ("lockstep", "true", "Files: wait for the hands of each image; false: the video's own rate."),
    ("loop", "false", "Files: true: begin again at the end."),
    ("namespace", "", "Namespace of the nodes."),
    ("device", "", "Where the networks run: auto, cpu, cuda or cuda:N."),
    (
        "fastdds_profile",
        "true",
        "true: Fast DDS with a shared-memory segment of 32 MB, for large "
        "images; false: as the environment says; or the path of another profile.",
    ),
    ("rviz", "true", "Start RViz."),
)
# Those of the source, and their types.
PARAMETERS = {
    "input": str,
    "camera_file": str,
    "field_of_view": float,
    "lockstep": bool,
    "loop": bool,
}


def generate_launch_description() -> LaunchDescription:
    """Start the source beside what hand.launch.py starts; its end is the end of all."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    hand = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("hand_pose_25d"), "launch", "hand.launch.py"])
        ),
        launch_arguments={
            **{name: value[name] for name in ("namespace", "device", "rviz", "fastdds_profile")},
            "reliability": "reliable",  # the source is, and no image of the file is lost
        }.items(),
    )
    source = Node(
        package="hand_pose_25d",
        executable="source",
        name="source",
        namespace=value["namespace"],
        output="screen",
        parameters=[
            {
                name: ParameterValue(value[name], value_type=kind)
                for name, kind in PARAMETERS.items()
            }
        ],
        on_exit=[Shutdown(reason="the input has ended")],
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    # What can fail at once (rviz:=true without rviz2) comes before the source is started, as does
    # the profile of Fast DDS, which hand.launch.py sets for what follows.
    return LaunchDescription([*arguments, hand, source])
