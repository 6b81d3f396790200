"""What to install where a Python package is missing: modules are not named as their packages."""

from __future__ import annotations

MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "numpy": ("numpy", ()),
    "onnxruntime": ("onnxruntime", ()),
    "cv2": ("opencv-python-headless", ()),
    "yaml": ("pyyaml", ()),
    "safetensors": ("safetensors", ()),
    "tqdm": ("tqdm", ()),
    "torch": ("torch", ("torch", "train")),
    "onnx": ("onnx", ("onnx", "openvino", "train")),
    "openvino": ("openvino", ("openvino",)),
    "av": ("av", ("archive", "view")),
    "pyarrow": ("pyarrow", ("archive", "view")),
    "ray": ("ray", ("archive",)),
    "rosbags": ("rosbags", ("archive", "view", "ros")),
    "rerun": ("rerun-sdk", ("view",)),
    "scipy": ("scipy", ("train", "render")),
    "PIL": ("pillow", ("train", "render")),
    "matplotlib": ("matplotlib", ("train",)),
    "motmetrics": ("motmetrics", ("train",)),
    "tensorboard": ("tensorboard", ("train",)),
    "tflite": ("tflite", ("train",)),
    "flatbuffers": ("flatbuffers", ("train",)),
    "anny": ("anny", ("render",)),
    "moderngl": ("moderngl", ("render",)),
    "rclpy": ("ros-rclpy", ("ros",)),
    "cv_bridge": ("cv-bridge", ("ros",)),
}
"""Module: the package that has it, and this package's extras that bring it."""
APART = {"mediapipe": "pip install --no-deps mediapipe==0.10.21"}
"""In no extra: its wheel requires a second OpenCV."""


def advice(module: str, extra: str = "") -> str:
    """Return the command that installs what has a module.

    `extra`: what is missing it; taken where it brings the module.

    >>> advice("cv2")
    'pip install opencv-python-headless'
    >>> advice("torch", "onnx,torch")
    "pip install 'hand-pose-25d[onnx,torch]'"
    >>> advice("moderngl", "train")
    "pip install 'hand-pose-25d[render]'"
    """
    name = module.partition(".")[0]
    if name in APART:
        return APART[name]
    package, extras = MODULES.get(name, (name, tuple(extra.split(",")) if extra else ()))
    if not extras:
        return f"pip install {package}"
    fits = not set(extra.split(",")).isdisjoint(extras)
    return f"pip install 'hand-pose-25d[{extra if fits else extras[0]}]'"
