"""The Parquet file's columns: one table of fields with their units, and a row of a hand.

docs/archive.md shows the same table; a test holds them together.  The version is the format's: it
rises when a column changes its meaning or goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from hand_pose_25d.archive.reading import RecordedImage
from hand_pose_25d.hand_pose import HandPose

SCHEMA_VERSION = "1"
CATEGORY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type, its unit and what it means."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    size: int = 0
    """Of a list of floats, where it is not null."""


# Not lists of a fixed size: of these Arrow cannot read null back from Parquet.
FLOATS = pa.list_(pa.float32())


def _floats(name: str, size: int, unit: str, meaning: str) -> Column:
    return Column(name, FLOATS, unit, meaning, size)


IMAGE_COLUMNS = (
    Column("recording", CATEGORY, "", "name of the recording, that of its file"),
    Column("frame_index", pa.int32(), "", "number of the image in the recording, from 0"),
    Column("frame_name", pa.string(), "", "the image's file name, or its number"),
    Column("stamp_ns", pa.int64(), "ns", "a bag's header stamp, else from the first image on"),
    Column("frame_id", CATEGORY, "", "a bag's header frame; empty for other recordings"),
    Column("width", pa.int32(), "px", "of the upright image"),
    Column("height", pa.int32(), "px", "of the upright image"),
    Column("fx", pa.float64(), "px", "focal length used, horizontal"),
    Column("fy", pa.float64(), "px", "focal length used, vertical"),
    Column("cx", pa.float64(), "px", "principal point used"),
    Column("cy", pa.float64(), "px", "principal point used"),
    Column("distortion_model", CATEGORY, "", "plumb_bob, rational_polynomial or equidistant"),
    Column("distortion", pa.list_(pa.float64()), "", "coefficients in OpenCV's order"),
)
"""Of the image: never null."""
HAND_COLUMNS = (
    Column("track_id", pa.int32(), "", "one number as long as a hand is followed, from 1"),
    Column("state", CATEGORY, "", "detected, tracked, or lost: not confirmed in this image"),
    Column("handedness", CATEGORY, "", "left or right, anatomical"),
    Column("handedness_score", pa.float32(), "1", "probability of the handedness, 0.5 to 1"),
    Column("score", pa.float32(), "1", "probability that this is a hand, 0 to 1"),
    Column("pose_score", pa.float32(), "1", "probability that the pose is right, 0 to 1"),
    _floats("box", 4, "px", "x, y, width, height around the keypoints"),
    _floats("keypoints", 63, "m", "21 x (x, y, z), camera optical frame"),
    _floats("covariance", 189, "m^2", "21 row-major 3 x 3 matrices, of the positions"),
    _floats("keypoints_2d", 42, "px", "21 x (u, v) of the upright image"),
    _floats("relative_depth", 21, "bone wrist - index MCP", "depth behind the wrist's"),
    _floats("confidence", 21, "1", "of each keypoint, 0 to 1"),
    Column("scale", pa.float32(), "m", "length of the bone wrist - index MCP"),
    Column("scale_source", CATEGORY, "", "prior, configured, calibrated or depth"),
    _floats("wrist_position", 3, "m", "of the wrist's frame, camera optical frame"),
    _floats("wrist_orientation", 4, "1", "of the wrist's frame: quaternion x, y, z, w"),
    _floats("wrist_covariance", 36, "m^2, m rad, rad^2", "row-major 6 x 6: x y z, then "
           "rotation about the camera's axes"),
    _floats("wrist_velocity", 3, "m/s", "of the wrist, camera optical frame"),
    _floats("palm_covariance", 144, "m^2", "row-major 12 x 12: of wrist, index, middle and "
           "little MCP together"),
)  # fmt: skip
"""Of the hand: null in the one row of an image that shows none."""
SMOOTHED_COLUMNS = (
    _floats("smoothed_keypoints", 63, "m", "keypoints smoothed over the recording"),
    _floats("smoothed_covariance", 189, "m^2", "of smoothed_keypoints"),
    _floats("smoothed_wrist_position", 3, "m", "of the wrist's frame, smoothed"),
    _floats("smoothed_wrist_orientation", 4, "1", "of smoothed_keypoints: x, y, z, w"),
    _floats("smoothed_palm_covariance", 144, "m^2", "as palm_covariance, of smoothed_keypoints"),
)
"""Null without smoothing, too."""
ALL_COLUMNS = (*IMAGE_COLUMNS, *HAND_COLUMNS, *SMOOTHED_COLUMNS)


def make_schema(metadata: dict[str, str]) -> pa.Schema:
    """Return the Arrow schema; each field's metadata holds its unit and meaning."""
    fields = [
        pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.meaning})
        for c in ALL_COLUMNS
    ]
    return pa.schema(fields, metadata={"hand_pose_25d.schema_version": SCHEMA_VERSION, **metadata})


def image_rows(
    recording: str, number: int, frame: RecordedImage, hands: list[HandPose]
) -> list[dict[str, Any]]:
    """Return an image's rows: one a hand, or one with nulls where there is none."""
    camera = frame.camera
    image = {
        "recording": recording,
        "frame_index": number,
        "frame_name": frame.name,
        "stamp_ns": frame.stamp_ns,
        "frame_id": frame.frame_id,
        "width": camera.width,
        "height": camera.height,
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "distortion_model": camera.model,
        "distortion": list(camera.distortion),
    }
    return [image | hand_row(hand) for hand in hands] or [image]


def hand_row(hand: HandPose) -> dict[str, Any]:
    """Return the columns of a hand, the wrist's pose included; what is not known is NaN."""
    wrist, palm = hand.wrist_pose, hand.palm_covariance
    return {
        "track_id": hand.track_id,
        "state": hand.state,
        "handedness": hand.handedness,
        "handedness_score": float(hand.handedness_score),
        "score": float(hand.score),
        "pose_score": float(hand.pose_score),
        "box": _flat(hand.box),
        "keypoints": _flat(hand.keypoints),
        "covariance": _flat(hand.covariance),
        "keypoints_2d": _flat(hand.keypoints_2d),
        "relative_depth": _flat(hand.relative_depth),
        "confidence": _flat(hand.confidence),
        "scale": float(hand.scale),
        "scale_source": hand.scale_source,
        "wrist_position": _flat(wrist.position),
        "wrist_orientation": _flat(wrist.quaternion),
        "wrist_covariance": _flat(wrist.covariance),
        "wrist_velocity": _flat(hand.wrist_velocity),
        "palm_covariance": _flat(np.full(144, np.nan) if palm is None else palm),
    }


def row_hand(row: dict[str, Any], smoothed: bool = False) -> HandPose:
    """Return the hand of a row (float32's precision); `smoothed`: with the smoothed positions."""
    prefix = "smoothed_" if smoothed and row["smoothed_keypoints"] is not None else ""
    # A file of an earlier version may lack the smoothed one.
    palm = row.get(f"{prefix}palm_covariance")
    palm = np.full((12, 12), np.nan) if palm is None else _array(palm, 12, 12)
    return HandPose(
        keypoints=_array(row[f"{prefix}keypoints"], 21, 3),
        covariance=_array(row[f"{prefix}covariance"], 21, 3, 3),
        keypoints_2d=_array(row["keypoints_2d"], 21, 2),
        relative_depth=_array(row["relative_depth"], 21),
        confidence=_array(row["confidence"], 21),
        handedness=row["handedness"],
        handedness_score=row["handedness_score"],
        score=row["score"],
        pose_score=row["pose_score"],
        box=tuple(row["box"]),
        scale=row["scale"],
        scale_source=row["scale_source"],
        palm_covariance=palm if np.isfinite(palm).all() else None,
        wrist_velocity=_array(row["wrist_velocity"], 3),
        track_id=row["track_id"],
        state=row["state"],
    )


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float32).ravel()


def _array(values: Any, *shape: int) -> np.ndarray:
    return np.asarray(values, dtype=np.float64).reshape(shape)
