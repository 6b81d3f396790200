"""Foxglove's image annotations in recordings: skeletons over an image, without a ROS package.

A bag carries the definitions of its messages, so that Foxglove reads these where foxglove_msgs is
not installed.  Fields: https://docs.foxglove.dev/docs/sdk/schemas/image-annotations
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

IMAGE_ANNOTATIONS = "foxglove_msgs/msg/ImageAnnotations"
DEFINITIONS = {
    "foxglove_msgs/msg/Color": "float64 r\nfloat64 g\nfloat64 b\nfloat64 a\n",
    "foxglove_msgs/msg/Point2": "float64 x\nfloat64 y\n",
    "foxglove_msgs/msg/CircleAnnotation": (
        "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nfloat64 diameter\n"
        "float64 thickness\nfoxglove_msgs/Color fill_color\nfoxglove_msgs/Color outline_color\n"
    ),
    "foxglove_msgs/msg/PointsAnnotation": (
        "uint8 UNKNOWN=0\nuint8 POINTS=1\nuint8 LINE_LOOP=2\nuint8 LINE_STRIP=3\n"
        "uint8 LINE_LIST=4\nbuiltin_interfaces/Time timestamp\nuint8 type\n"
        "foxglove_msgs/Point2[] points\nfoxglove_msgs/Color outline_color\n"
        "foxglove_msgs/Color[] outline_colors\nfoxglove_msgs/Color fill_color\n"
        "float64 thickness\n"
    ),
    "foxglove_msgs/msg/TextAnnotation": (
        "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nstring text\n"
        "float64 font_size\nfoxglove_msgs/Color text_color\nfoxglove_msgs/Color background_color\n"
    ),
    IMAGE_ANNOTATIONS: (
        "foxglove_msgs/CircleAnnotation[] circles\nfoxglove_msgs/PointsAnnotation[] points\n"
        "foxglove_msgs/TextAnnotation[] texts\n"
    ),
}
"""By type, in an order in which each names only those before it."""
_POINTS, _LINE_LIST = 1, 4
_THICKNESS, _DIAMETER, _FONT = 2.0, 6.0, 14.0  # px
_CORNER = 0.5  # Foxglove's pixels begin at the corner of the first, ours at its centre


def image_annotations(types: Any, stamp: Any, hands: Sequence[HandPose]) -> Any:
    """Make an ImageAnnotations of one image's hands: bones, keypoints, handedness.

    Args:
        types: of a store of rosbags in which `DEFINITIONS` are registered.
        stamp: the image's, as a Time of these types.
        hands: in pixels of the image; those that are lost are left out.
    """
    color, point, line, text, whole = (
        types[f"foxglove_msgs/msg/{name}"]
        for name in ("Color", "Point2", "PointsAnnotation", "TextAnnotation", "ImageAnnotations")
    )
    shades = [color(r=r / 255, g=g / 255, b=b / 255, a=1.0) for r, g, b in KEYPOINT_COLORS]
    white, dark = color(r=1.0, g=1.0, b=1.0, a=1.0), color(r=0.0, g=0.0, b=0.0, a=0.6)

    def at(xy: np.ndarray) -> Any:
        return point(x=float(xy[0]) + _CORNER, y=float(xy[1]) + _CORNER)

    def lines(kind: int, points: list[Any], colors: list[Any], thickness: float) -> Any:
        return line(
            timestamp=stamp, type=kind, points=points, outline_color=white,
            outline_colors=colors, fill_color=white, thickness=thickness,
        )  # fmt: skip

    drawn, texts = [], []
    for hand in hands:
        pixels = hand.keypoints_2d
        known = np.isfinite(pixels).all(-1)
        if hand.state == "lost" or not known.any():
            continue
        bones = [bone for bone in BONES if known[list(bone)].all()]
        ends = [at(pixels[k]) for bone in bones for k in bone]
        drawn.append(lines(_LINE_LIST, ends, [shades[child] for _, child in bones], _THICKNESS))
        rows = np.flatnonzero(known)
        dots = [at(pixels[k]) for k in rows]
        drawn.append(lines(_POINTS, dots, [shades[k] for k in rows], _DIAMETER))
        label = f"{hand.handedness} {hand.track_id}" if hand.track_id else hand.handedness
        top = pixels[known][pixels[known][:, 1].argmin()]
        texts.append(text(
            timestamp=stamp, position=at(top), text=label, font_size=_FONT,
            text_color=white, background_color=dark,
        ))  # fmt: skip
    return whole(circles=[], points=drawn, texts=texts)
