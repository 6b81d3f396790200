"""Hands as this package's ROS messages, made by rosbags: the bytes that the node would publish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.annotations import IMAGE_ANNOTATIONS, image_annotations
from hand_pose_25d.io.recordings import typestore
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

_STATES = {"detected": 1, "tracked": 2, "lost": 3}
_HANDEDNESS = {"left": 1, "right": 2}
_SOURCES = {"prior": 1, "configured": 2, "calibrated": 3, "depth": 4}
_ADD, _DELETE_ALL = 0, 3  # visualization_msgs/Marker
_LINE_LIST, _SPHERE_LIST, _TEXT = 5, 7, 9
_JOINT, _BONE, _LETTER, _ABOVE = 0.008, 0.004, 0.025, 0.03  # m, as the node's markers
_LIFETIME = 500_000_000  # ns


class BagMessages:
    """Makes messages of rosbags' types."""

    HANDS = "hand_pose_25d/msg/HandPoseArray"
    MARKERS = "visualization_msgs/msg/MarkerArray"
    ANNOTATIONS = IMAGE_ANNOTATIONS

    def __init__(self) -> None:
        self.store = typestore()
        types = self.store.types
        self._hand, self._hands = types["hand_pose_25d/msg/HandPose"], types[self.HANDS]
        self._point, self._vector, self._quaternion, self._pose, self._with_covariance = (
            types[f"geometry_msgs/msg/{name}"]
            for name in ("Point", "Vector3", "Quaternion", "Pose", "PoseWithCovariance")
        )
        self._roi = types["sensor_msgs/msg/RegionOfInterest"]
        self._time, self._duration = (
            types[f"builtin_interfaces/msg/{name}"] for name in ("Time", "Duration")
        )
        self._header, self._color = (
            types[f"std_msgs/msg/{name}"] for name in ("Header", "ColorRGBA")
        )
        self._marker, self._markers = types["visualization_msgs/msg/Marker"], types[self.MARKERS]
        self._marker_extra = self._defaults("visualization_msgs/msg/Marker")

    def serialize(self, message: Any, kind: str) -> bytes:
        """Return a message's CDR."""
        return bytes(self.store.serialize_cdr(message, kind))

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        """Make a std_msgs/Header."""
        seconds, rest = divmod(int(stamp_ns), 10**9)
        return self._header(stamp=self._time(sec=seconds, nanosec=rest), frame_id=frame_id or "")

    def hands(self, hands: Sequence[HandPose], header: Any, width: int, height: int) -> Any:
        """Make the HandPoseArray of an image of this size."""
        return self._hands(
            header=header, hands=[self._hand_message(h, header, width, height) for h in hands]
        )

    def annotations(self, hands: Sequence[HandPose], header: Any) -> Any:
        """Make the image's ImageAnnotations: bones, keypoints, handedness."""
        return image_annotations(self.store.types, header.stamp, hands)

    def markers(self, hands: Sequence[HandPose], header: Any) -> Any:
        """Make the MarkerArray of an image: joints, bones, handedness; DELETEALL is first."""
        markers = [self._plain(header, "", 0, (0.0,) * 3, action=_DELETE_ALL)]
        for row, hand in enumerate(hands):
            known = np.isfinite(hand.keypoints).all(-1)
            if hand.state == "lost" or not known.any():
                continue
            name = f"hand_{hand.track_id}" if hand.track_id else f"untracked_{row}"
            markers.append(self._joints(hand, known, header, name))
            bones = [pair for pair in BONES if known[pair[0]] and known[pair[1]]]
            if bones:
                markers.append(self._bones(hand, bones, header, name))
            markers.append(self._text(hand, known, header, name))
        return self._markers(markers=markers)

    def _hand_message(self, hand: HandPose, header: Any, width: int, height: int) -> Any:
        known = math.isfinite(hand.handedness_score)
        return self._hand(
            header=header,
            track_id=hand.track_id,
            handedness=_HANDEDNESS[hand.handedness] if known else 0,
            handedness_score=float(hand.handedness_score),
            score=float(hand.score),
            pose_score=float(hand.pose_score),
            tracking_state=_STATES[hand.state],
            keypoints=[self._xyz(xyz) for xyz in hand.keypoints],
            covariance=np.asarray(hand.covariance, dtype=np.float32).ravel(),
            keypoints_2d=np.asarray(hand.keypoints_2d, dtype=np.float32).ravel(),
            confidence=np.asarray(hand.confidence, dtype=np.float32),
            relative_depth=np.asarray(hand.relative_depth, dtype=np.float32),
            scale=float(hand.scale),
            scale_source=_SOURCES[hand.scale_source],
            wrist_pose=self._wrist_pose(hand),
            wrist_velocity=self._vector(**dict(zip("xyz", hand.wrist_velocity, strict=True))),
            roi=self._roi_of(hand, width, height),
        )

    def _wrist_pose(self, hand: HandPose) -> Any:
        wrist = hand.wrist_pose
        x, y, z, w = wrist.quaternion
        pose = self._pose(
            position=self._xyz(wrist.position), orientation=self._quaternion(x=x, y=y, z=z, w=w)
        )
        return self._with_covariance(pose=pose, covariance=wrist.covariance.ravel())

    def _roi_of(self, hand: HandPose, width: int, height: int) -> Any:
        """Return the smallest box of whole pixels around the keypoints within the image."""
        points = hand.keypoints_2d[np.isfinite(hand.keypoints_2d).all(-1)]
        left = top = right = bottom = 0
        if len(points):
            limit = (width, height)
            left, top = (int(v) for v in np.clip(np.floor(points.min(0) + 0.5), 0, limit))
            right, bottom = (int(v) for v in np.clip(np.floor(points.max(0) + 1.5), 0, limit))
        if right <= left or bottom <= top:
            left = top = right = bottom = 0
        return self._roi(
            x_offset=left, y_offset=top, height=bottom - top, width=right - left, do_rectify=False
        )

    def _joints(self, hand: HandPose, known: np.ndarray, header: Any, name: str) -> Any:
        marker = self._plain(header, f"{name}/joints", _SPHERE_LIST, (_JOINT,) * 3)
        marker.points += [self._xyz(hand.keypoints[k]) for k in np.flatnonzero(known)]
        marker.colors += [self._color_of(k) for k in np.flatnonzero(known)]
        return marker

    def _bones(self, hand: HandPose, bones: list, header: Any, name: str) -> Any:
        marker = self._plain(header, f"{name}/bones", _LINE_LIST, (_BONE, 0.0, 0.0))
        for parent, child in bones:
            marker.points += [self._xyz(hand.keypoints[k]) for k in (parent, child)]
            marker.colors += [self._color_of(child)] * 2
        return marker

    def _text(self, hand: HandPose, known: np.ndarray, header: Any, name: str) -> Any:
        marker = self._plain(header, f"{name}/handedness", _TEXT, (0.0, 0.0, _LETTER))
        points = hand.keypoints[known]
        marker.pose.position = self._xyz(points[points[:, 1].argmin()] - (0.0, _ABOVE, 0.0))
        marker.color = self._color(r=1.0, g=1.0, b=1.0, a=1.0)
        number = f" {hand.track_id}" if hand.track_id else ""
        marker.text = f"{hand.handedness}{number} ({hand.handedness_score:.2f})"
        return marker

    def _plain(self, header: Any, name: str, kind: int, scale: tuple, action: int = _ADD) -> Any:
        """Make a marker; what is not named has the message's default."""
        shown = action == _ADD
        fields = self._marker_extra | {
            "header": header,
            "ns": name,
            "type": kind,
            "action": action,
            "pose": self._pose(
                position=self._point(x=0.0, y=0.0, z=0.0),
                orientation=self._quaternion(x=0.0, y=0.0, z=0.0, w=1.0),
            ),
            "scale": self._vector(**dict(zip("xyz", scale, strict=True))),
            "lifetime": self._duration(sec=0, nanosec=_LIFETIME if shown else 0),
            "points": [],
            "colors": [],
        }
        return self._marker(**fields)

    def _defaults(self, name: str) -> dict[str, Any]:
        """Return default values of a message's fields."""
        return {
            field: self._default(kind)
            for field, kind in self.store.fielddefs[name][1]
            if not field.isupper()
        }

    def _default(self, kind: Any) -> Any:
        """Return the default of a field: 0, an empty text, an empty list or a message of these."""
        code, detail = kind
        if int(code) == 1:
            basic = detail[0]
            return {"string": "", "bool": False}.get(basic, 0.0 if "float" in basic else 0)
        if int(code) == 2:
            return self.store.types[detail](**self._defaults(detail))
        return np.zeros(0, dtype=np.uint8) if detail[0][1][0] in ("uint8", "byte") else []

    def _xyz(self, xyz: np.ndarray) -> Any:
        return self._point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))

    def _color_of(self, keypoint: int) -> Any:
        r, g, b = (float(c) / 255 for c in KEYPOINT_COLORS[keypoint])
        return self._color(r=r, g=g, b=b, a=1.0)


TOPICS = {
    "/hands": BagMessages.HANDS,
    "/markers": BagMessages.MARKERS,
    "/image_annotations": BagMessages.ANNOTATIONS,
}
"""Of a recording's MCAP file: each topic's type."""
