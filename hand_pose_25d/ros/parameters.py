"""The node's parameters: names, defaults, ranges, and why a value is refused.

The dataclass below is the only list of them; descriptors and checks follow it, and a test holds
docs/ros_interface.md against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from hand_pose_25d.inference.detector import DEFAULT_THRESHOLD
from hand_pose_25d.reconstruction.bone_length_prior import POPULATIONS


def _parameter(
    default: Any,
    text: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    runtime: bool = False,
) -> Any:
    metadata = {"text": text, "least": least, "most": most, "choices": choices, "runtime": runtime}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The values of all parameters at one time."""

    autostart: bool = _parameter(
        True, "Configure and activate at the start; false: wait for a lifecycle manager."
    )
    image_transport: str = _parameter(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    reliability: str = _parameter(
        "best_effort",
        "Of the image subscription: best_effort hears every publisher, reliable loses no part of "
        "large images.",
        choices=("best_effort", "reliable"),
    )
    rectified: bool = _parameter(
        False,
        "True: images are rectified, P of CameraInfo counts; false: they are raw, K and D count.",
        runtime=True,
    )
    device: str = _parameter("auto", "Where the networks run: auto, cpu, cuda or cuda:N.")
    backend: str = _parameter("auto", "What runs the pose network: auto or a name.")
    precision: str = _parameter("auto", "Arithmetic of the pose network: auto or a type.")
    threads: int = _parameter(
        0, "Threads of the networks on a CPU; 0: their own choice.", least=0, most=256
    )
    weights: str = _parameter(
        "realtime", "The pose network: a shipped one's name or a file (.safetensors, .onnx, .xml)."
    )
    detector: str = _parameter("", "The detector: a .safetensors file; empty: the shipped one.")
    detector_threshold: float = _parameter(
        DEFAULT_THRESHOLD,
        "Score from which on the detector reports something: lower finds more hands, and more of "
        "what is none.",
        least=0.05, most=0.95, runtime=True,
    )  # fmt: skip
    detections_type: str = _parameter(
        "none",
        "Another node detects: type of the messages on detections; none: this one detects.",
        choices=("none", "vision_msgs", "region_of_interest"),
    )
    detections_max_age: float = _parameter(
        0.5, "Seconds a message on detections counts for.", least=0.0, most=60.0, runtime=True
    )
    max_hands: int = _parameter(2, "The most hands followed at a time.", least=1, most=16)
    method: str = _parameter(
        "map",
        "How metres are found: map (all bones, with uncertainty) or closed_form (the paper's).",
        choices=("map", "closed_form"),
    )
    presence_threshold: float = _parameter(
        0.5, "Probability from which on something is a hand.", least=0.01, most=0.99, runtime=True
    )
    redetect_interval: float = _parameter(
        1.0,
        "Seconds between detections while max_hands hands are followed.",
        least=0.0, most=60.0, runtime=True,
    )  # fmt: skip
    smoothing: bool = _parameter(
        False, "One-Euro filter on the keypoints: less jitter, a little delay.", runtime=True
    )
    population: str = _parameter(
        "adult",
        "Whose hands are seen; with bone_lengths, which say it better, leave it at adult.",
        choices=POPULATIONS,
    )
    bone_lengths: str = _parameter(
        "", "YAML file of bone lengths, such as ~/calibrate writes; empty: the population's."
    )
    hand_scale: float = _parameter(
        0.0, "The person's hand size over the mean of bone_lengths; 0: not known.",
        least=0.0, most=2.0, runtime=True,
    )  # fmt: skip
    hand_length: float = _parameter(
        0.0,
        "For ~/calibrate: length of the flat hand, wrist to middle fingertip, m; 0: not measured.",
        least=0.0, most=0.3, runtime=True,
    )  # fmt: skip
    wrist_distance: float = _parameter(
        0.0,
        "For ~/calibrate: measured distance of camera and wrist, m; 0: not measured.",
        least=0.0, most=10.0, runtime=True,
    )  # fmt: skip
    calibration_images: int = _parameter(
        30, "For ~/calibrate with wrist_distance: images with a hand to use.",
        least=5, most=1000, runtime=True,
    )  # fmt: skip
    calibration_timeout: float = _parameter(
        15.0, "For ~/calibrate with wrist_distance: seconds to wait for them.",
        least=1.0, most=600.0, runtime=True,
    )  # fmt: skip
    calibration_file: str = _parameter(
        "~/.ros/hand_pose_25d/hand.yaml",
        "For ~/calibrate: the YAML file it writes; bone_lengths reads it back.",
        runtime=True,
    )
    marker_ellipsoids: bool = _parameter(
        False, "Markers show each keypoint's 95 % ellipsoid.", runtime=True
    )
    marker_lifetime: float = _parameter(
        0.5, "Seconds after which markers vanish on their own; 0: never.",
        least=0.0, most=60.0, runtime=True,
    )  # fmt: skip


SPECS = {f.name: f for f in fields(Settings)}


def descriptor(name: str) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    spec = SPECS[name]
    least, most, choices = (spec.metadata[key] for key in ("least", "most", "choices"))
    when = "" if spec.metadata["runtime"] else "  Takes effect when the node is configured."
    result = ParameterDescriptor(
        name=name,
        description=spec.metadata["text"] + when,
        additional_constraints=f"one of: {', '.join(choices)}" if choices else "",
        dynamic_typing=True,  # so that 1 is good where 1.0 is meant; `refusal` checks types
    )
    if least is not None and isinstance(spec.default, float):
        result.floating_point_range = [FloatingPointRange(from_value=least, to_value=most)]
    elif least is not None:
        result.integer_range = [IntegerRange(from_value=int(least), to_value=int(most), step=1)]
    return result


def refusal(name: str, value: Any) -> str:
    """Return why a parameter cannot have this value; empty where it can."""
    spec = SPECS[name]
    kind = type(spec.default)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number if kind is float else type(value) is kind):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
        return f"{name} must be {names[kind]}, got {value!r}"
    least, most, choices = (spec.metadata[key] for key in ("least", "most", "choices"))
    if number and least is not None and not (math.isfinite(value) and least <= value <= most):
        return f"{name} must lie between {least} and {most}, got {value}"
    if choices and value not in choices:
        return f"{name} must be one of {', '.join(choices)}, got {value!r}"
    if name == "hand_scale" and value and not 0.5 <= value <= 1.7:
        return f"hand_scale must be 0 (not known) or lie between 0.5 and 1.7, got {value}"
    if name == "hand_length" and value and value < 0.08:
        return f"hand_length must be 0 (not measured) or at least 0.08 m, got {value}"
    return ""


def declare(node: Any) -> Settings:
    """Declare all parameters on a node and return their values.

    Raises ValueError with the reason for the first override (file, command line) that is refused.
    """
    values: dict[str, Any] = {}
    for name, spec in SPECS.items():
        try:
            value = node.declare_parameter(name, spec.default, descriptor(name)).value
        except Exception as error:  # rclpy has several types for a value out of its range
            raise ValueError(f"parameter {name}: {error}") from error
        if reason := refusal(name, value):
            raise ValueError(f"parameter {reason}")
        values[name] = float(value) if isinstance(spec.default, float) else value
    return Settings(**values)


def changed(settings: Settings, parameters: list[Any], configured: bool) -> Settings:
    """Return the settings with the parameters (rclpy's) set; others' parameters are passed over.

    Raises ValueError with the reason where one is refused: a wrong value, or one that takes effect
    when the node is configured, while it is.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        name, value = parameter.name, parameter.value
        if name not in SPECS:
            continue
        if reason := refusal(name, value):
            raise ValueError(reason)
        if configured and not SPECS[name].metadata["runtime"] and value != getattr(settings, name):
            raise ValueError(
                f"{name} takes effect when the node is configured: deactivate and clean up first"
            )
        values[name] = float(value) if isinstance(SPECS[name].default, float) else value
    return Settings(**{**vars(settings), **values})
