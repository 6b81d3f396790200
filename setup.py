"""pip install: the library and the command line, without ROS.

A ROS 2 workspace builds the package with colcon and CMakeLists.txt instead (package.xml says
ament_cmake), which adds the messages and the node's executable.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "hand_pose_25d/__init__.py").read_text(), re.MULTILINE
).group(1)

TRAIN = [
    "torch>=2.4",  # autocast on a CPU, asked by its name
    "tensorboard",
    "tqdm",
    "matplotlib",
    "scipy",
    "pillow",
    "mediapipe==0.10.21",
    "tflite",
]
RENDER = ["anny", "moderngl", "scipy", "pillow", "tqdm"]
ONNX = ["onnx", "onnxruntime"]
OPENVINO = ["onnx", "openvino"]  # weights reach OpenVINO through ONNX
TESTS = ["hypothesis", "motmetrics", "mypy", "pytest", "rosbags", "ruff", "types-PyYAML"]
ROS = [
    "numpy<2",  # what the message packages of ROS 2 up to Kilted are built against
    "opencv-python-headless<4.12",
    "ros-rclpy",
    "ros-rmw-fastrtps-cpp",
    "ros-rmw-implementation",
    "ros-sensor-msgs",
    "ros-geometry-msgs",
    "ros-std-msgs",
    "ros-std-srvs",
    "ros-visualization-msgs",
    "ros-diagnostic-msgs",
    "ros-lifecycle-msgs",
    "cv-bridge",
]

setup(
    name="hand-pose-25d",
    version=VERSION,
    description="Absolute 3D hand pose from one calibrated RGB camera, for robots",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["hand_pose_25d*"]),
    include_package_data=False,
    package_data={
        "hand_pose_25d": [
            "py.typed",
            "config/*.yaml",
            "weights/*.safetensors",
            "weights/*.json",
            "demo_data/*",
        ],
        "hand_pose_25d_train": [
            "datasets/marks/*.yaml",
            "networks/cpu/depthwise.cpp",
            "recipes/*.yaml",
            "recipes/paper/*.yaml",
        ],
    },
    install_requires=[
        "numpy>=1.23",
        "opencv-python-headless>=4.7",
        "pyyaml",
        "safetensors",
        "torch>=2.1",
        "tqdm",
    ],
    extras_require={
        "ros": ROS,
        "train": TRAIN,
        "render": RENDER,
        "onnx": ONNX,
        "openvino": OPENVINO,
        "dev": sorted({*TRAIN, *RENDER, *ONNX, *OPENVINO, *TESTS}),
    },
    entry_points={"console_scripts": ["hand-pose-25d = hand_pose_25d.cli:main"]},
    classifiers=[
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
