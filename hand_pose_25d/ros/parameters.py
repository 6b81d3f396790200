"""The node's parameters: names, defaults, ranges, and why a value is refused.

They are the fields of `Settings` below and those of `EstimatorSettings`; descriptors and checks
follow them, and a test holds docs/ros_interface.md against them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from hand_pose_25d.settings import EstimatorSettings, options


@dataclass(frozen=True)
class Parameter:
    """What the node declares of a parameter.  ROS has no None: "" or 0 is what is not set."""

    default: Any
    text: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    unset: str = ""
    """What "" or 0 stands for, where it is another thing than the rest of the range."""
    runtime: bool = False

    @property
    def description(self) -> str:
        """What the parameter is, in a sentence."""
        empty = f"; {'empty' if isinstance(self.default, str) else '0'}: {self.unset}"
        return f"{self.text}{empty if self.unset else ''}."


def _parameter(default: Any, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"parameter": Parameter(default, text, **more)})


@dataclass(frozen=True)
class Settings:
    """The values of all parameters at one time: the node's own, and the estimator's."""

    autostart: bool = _parameter(
        True, "Configure and activate at the start; false: wait for a lifecycle manager"
    )
    image_transport: str = _parameter(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed",
        choices=("raw", "compressed"),
    )
    reliability: str = _parameter(
        "best_effort",
        "Of the image subscription: best_effort hears every publisher; reliable needs a reliable "
        "one, and what was lost comes late",
        choices=("best_effort", "reliable"),
    )
    rectified: bool = _parameter(
        False,
        "True: images are rectified, P of CameraInfo counts; false: they are raw, K and D count",
        runtime=True,
    )
    use_depth: bool = _parameter(
        False, "Subscribe to depth, registered to the images: distances are measured"
    )
    depth_tolerance: float = _parameter(
        0.02, "Seconds by which stamps of image and depth may differ",
        least=0.0, most=1.0, runtime=True,
    )  # fmt: skip
    publish_tf: bool = _parameter(False, "Broadcast the wrists' frames on /tf")
    tf_prefix: str = _parameter("", "Goes before hand_<id>_wrist, the frames' names")
    detections_type: str = _parameter(
        "none",
        "Another node detects: type of the messages on detections; none: this one detects",
        choices=("none", "vision_msgs", "region_of_interest"),
    )
    detections_max_age: float = _parameter(
        0.5, "Seconds a message on detections counts for", least=0.0, most=60.0, runtime=True
    )
    hand_length: float = _parameter(
        0.0,
        "For ~/calibrate: length of the flat hand, wrist to middle fingertip, m",
        least=0.08, most=0.3, unset="not measured", runtime=True,
    )  # fmt: skip
    wrist_distance: float = _parameter(
        0.0,
        "For ~/calibrate: measured distance of camera and wrist, m",
        least=0.0, most=10.0, unset="not measured", runtime=True,
    )  # fmt: skip
    calibration_images: int = _parameter(
        30, "For ~/calibrate with wrist_distance: images with a hand to use",
        least=5, most=1000, runtime=True,
    )  # fmt: skip
    calibration_timeout: float = _parameter(
        15.0, "For ~/calibrate with wrist_distance: seconds to wait for them",
        least=1.0, most=600.0, runtime=True,
    )  # fmt: skip
    calibration_file: str = _parameter(
        "~/.ros/hand_pose_25d/hand.yaml",
        "For ~/calibrate: the YAML file it writes; bone_lengths reads it back",
        runtime=True,
    )
    marker_ellipsoids: bool = _parameter(
        False, "Markers show each keypoint's 95 % ellipsoid", runtime=True
    )
    marker_lifetime: float = _parameter(
        0.5, "Seconds after which markers vanish on their own; 0: never",
        least=0.0, most=60.0, runtime=True,
    )  # fmt: skip
    estimator: EstimatorSettings = field(default_factory=EstimatorSettings)
    """None where a parameter is not set."""


def parameters(settings: type[EstimatorSettings] = EstimatorSettings) -> dict[str, Parameter]:
    """Return all parameters by name: the node's own, then those of the estimator's settings."""
    found = {f.name: f.metadata["parameter"] for f in fields(Settings) if f.metadata}
    for f in fields(settings):
        option = f.metadata["option"]
        if option.kind is object:
            continue
        default = f.default if option.node_default is None else option.node_default
        unset = option.unset if default is None else ""
        if default is None:
            default = "" if option.kind is Path else option.kind()
        least, most = option.node_range or (option.least, option.most)
        if not (math.isfinite(least) and math.isfinite(most)):
            least = most = None
        found[f.name] = Parameter(
            default, option.help, least, most, option.choices, unset, option.runtime
        )
    return found


PARAMETERS = parameters()


def descriptor(name: str) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a parameter."""
    spec = PARAMETERS[name]
    when = "" if spec.runtime else "  Takes effect when the node is configured."
    result = ParameterDescriptor(
        name=name,
        description=spec.description + when,
        additional_constraints=f"one of: {', '.join(spec.choices)}" if spec.choices else "",
        dynamic_typing=True,  # so that 1 is good where 1.0 is meant; `refusal` checks types
    )
    if spec.least is None or spec.most is None:
        return result
    least = 0 if spec.unset else spec.least
    if isinstance(spec.default, float):
        limits = FloatingPointRange(from_value=float(least), to_value=float(spec.most))
        result.floating_point_range = [limits]
    else:
        limits = IntegerRange(from_value=int(least), to_value=int(spec.most), step=1)
        result.integer_range = [limits]
    return result


def refusal(name: str, value: Any) -> str:
    """Return why a parameter cannot have this value; empty where it can."""
    spec = PARAMETERS[name]
    kind = type(spec.default)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number if kind is float else type(value) is kind):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
        return f"{name} must be {names[kind]}, got {value!r}"
    if spec.unset and not value:
        return ""
    least, most = spec.least, spec.most
    if least is not None and most is not None and not (least <= value <= most):
        either = f"be 0 ({spec.unset}) or lie" if spec.unset else "lie"
        return f"{name} must {either} between {least} and {most}, got {value}"
    if spec.choices and value not in spec.choices:
        return f"{name} must be one of {', '.join(spec.choices)}, got {value!r}"
    try:
        if name in (known := options()):
            known[name].check(name, value)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def declare(node: Any) -> Settings:
    """Declare all parameters on a node and return their values.

    Raises ValueError with the reason for the first override (file, command line) that is refused.
    """
    values: dict[str, Any] = {}
    for name, spec in PARAMETERS.items():
        try:
            value = node.declare_parameter(name, spec.default, descriptor(name)).value
        except Exception as error:  # rclpy has several types for a value out of its range
            raise ValueError(f"parameter {name}: {error}") from error
        if reason := refusal(name, value):
            raise ValueError(f"parameter {reason}")
        values[name] = value
    return _with(Settings(), values)


def changed(settings: Settings, parameters: list[Any], configured: bool) -> Settings:
    """Return the settings with the parameters (rclpy's) set; others' parameters are passed over.

    Raises ValueError with the reason where one is refused: a wrong value, or one that takes effect
    when the node is configured, while it is.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        name, value = parameter.name, parameter.value
        if name not in PARAMETERS:
            continue
        if reason := refusal(name, value):
            raise ValueError(reason)
        if configured and not PARAMETERS[name].runtime and value != _value(settings, name):
            raise ValueError(
                f"{name} takes effect when the node is configured: deactivate and clean up first"
            )
        values[name] = value
    return _with(settings, values)


def _value(settings: Settings, name: str) -> Any:
    """Return a parameter's value as ROS has it."""
    value = getattr(settings.estimator if name in options() else settings, name)
    return PARAMETERS[name].default if value is None else value


def _with(settings: Settings, values: dict[str, Any]) -> Settings:
    """Return the settings with parameters set, as ROS has them."""
    own: dict[str, Any] = {}
    estimators: dict[str, Any] = {}
    for name, value in values.items():
        spec = PARAMETERS[name]
        if isinstance(spec.default, float):
            value = float(value)
        if name in options():
            option = options()[name]
            standard = not option.runtime and value == option.node_default
            estimators[name] = None if standard or (spec.unset and not value) else value
        else:
            own[name] = value
    return replace(settings, **own, estimator=replace(settings.estimator, **estimators))
