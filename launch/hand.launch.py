"""The node hand_pose, and RViz if wanted.

ros2 launch hand_pose_25d hand.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
"""

from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

SHARE = FindPackageShare("hand_pose_25d")
# name, default, description
ARGUMENTS = (
    ("image", "image", "Topic of the images (sensor_msgs/Image; with image_transport:=compressed "
     "the compressed images are expected on <image>/compressed)."),
    ("camera_info", "camera_info", "Topic of their calibration (sensor_msgs/CameraInfo)."),
    ("detections", "detections", "Topic of another detector; see the parameter detections_type."),
    ("hands", "hands", "Topic on which hands are published (HandPoseArray)."),
    ("markers", "markers", "Topic on which markers for RViz are published."),
    ("debug_image", "debug_image", "Topic of images with the hands drawn over them."),
    ("namespace", "", "Namespace of the node and of every topic above that is relative."),
    ("params_file", PathJoinSubstitution([SHARE, "config", "hand.yaml"]),
     "YAML file with the node's parameters."),
    ("device", "auto", "Where the networks run: auto, cpu, cuda or cuda:N."),
    ("image_transport", "raw", "raw or compressed."),
    ("rectified", "false", "true where the images are rectified."),
    ("autostart", "true", "false: the node waits for a lifecycle manager."),
    ("use_sim_time", "false", "true: take the time from /clock, as for bags and simulators."),
    ("rviz", "false", "true: start RViz with image, markers and camera frame."),
    ("log_level", "info", "debug, info, warn, error or fatal."),
)  # fmt: skip
TOPICS = ("image", "camera_info", "detections", "hands", "markers", "debug_image")


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start what they say."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    node = Node(
        package="hand_pose_25d",
        executable="hand_pose",
        name="hand_pose",
        namespace=value["namespace"],
        output="screen",
        emulate_tty=True,
        arguments=["--ros-args", "--log-level", ["hand_pose:=", value["log_level"]]],
        parameters=[
            ParameterFile(value["params_file"]),
            {
                "device": ParameterValue(value["device"], value_type=str),
                "image_transport": ParameterValue(value["image_transport"], value_type=str),
                "rectified": ParameterValue(value["rectified"], value_type=bool),
                "autostart": ParameterValue(value["autostart"], value_type=bool),
                "use_sim_time": ParameterValue(value["use_sim_time"], value_type=bool),
            },
        ],
        remappings=[(name, value[name]) for name in TOPICS]
        + [("image/compressed", [value["image"], "/compressed"])],
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=value["namespace"],
        arguments=[
            "-d",
            PathJoinSubstitution([SHARE, "config", "hand.rviz"]),
        ],
        parameters=[{"use_sim_time": ParameterValue(value["use_sim_time"], value_type=bool)}],
        remappings=[(name, value[name]) for name in ("image", "markers", "debug_image")],
        condition=IfCondition(value["rviz"]),
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*arguments, node, rviz])
