"""Hands as RViz markers: joints, bones in the fingers' colours, handedness, uncertainty.

Every array begins with DELETEALL, so that nothing of an earlier image stays; each track has its
own namespaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import ImageMarker, Marker, MarkerArray

from hand_pose_25d.geometry.wrist_frame import quaternion
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

JOINT_DIAMETER = 0.008  # metres
BONE_WIDTH = 0.004
TEXT_HEIGHT = 0.025
TEXT_OFFSET = 0.03  # above the topmost keypoint: -y of the optical frame
CHI_95 = 2.7955  # sqrt of the 95 % quantile of chi-square with 3 degrees of freedom
ELLIPSOID_ALPHA = 0.3
LINE_WIDTH = 2.0  # pixels, in the image


def hands_to_markers(
    hands: Sequence[HandPose], header: Any, *, ellipsoids: bool = False, lifetime: float = 0.5
) -> MarkerArray:
    """Make the markers of one image's hands; what has no position has no marker."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for row, hand in enumerate(hands):
        known = np.isfinite(hand.keypoints).all(-1)
        if hand.state == "lost" or not known.any():
            continue
        # Hands that are not tracked all have the id 0.
        name = f"hand_{hand.track_id}" if hand.track_id else f"untracked_{row}"
        markers.append(_joints(hand, known, f"{name}/joints"))
        if any(known[a] and known[b] for a, b in BONES):
            markers.append(_bones(hand, known, f"{name}/bones"))
        markers.append(_text(hand, known, f"{name}/handedness"))
        if ellipsoids:
            markers.extend(_ellipsoids(hand, known, f"{name}/uncertainty"))
    whole, part = divmod(lifetime, 1.0)
    for marker in markers[1:]:
        marker.header = header
        marker.lifetime = Duration(sec=int(whole), nanosec=int(part * 1e9))
    return MarkerArray(markers=markers)


def hands_to_image_marker(hands: Sequence[HandPose], header: Any) -> ImageMarker:
    """Make one marker of all bones in the image's pixels, for Foxglove; empty without hands.

    It shows the last message of a topic, so that there is one for all hands.
    """
    marker = ImageMarker(header=header, ns="hands", type=ImageMarker.LINE_LIST, scale=LINE_WIDTH)
    for hand in hands:
        pixels = hand.keypoints_2d
        known = np.isfinite(pixels).all(-1) & (hand.state != "lost")
        for parent, child in BONES:
            if known[parent] and known[child]:
                for x, y in pixels[[parent, child]].tolist():
                    marker.points.append(Point(x=x, y=y))
                    marker.outline_colors.append(_color(child))
    return marker


def _color(keypoint: int, alpha: float = 1.0) -> ColorRGBA:
    r, g, b = (float(c) / 255 for c in KEYPOINT_COLORS[keypoint])
    return ColorRGBA(r=r, g=g, b=b, a=alpha)


def _point(xyz: np.ndarray) -> Point:
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def _marker(namespace: str, kind: int, scale: tuple[float, float, float]) -> Marker:
    marker = Marker(ns=namespace, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale.x, marker.scale.y, marker.scale.z = scale
    return marker


def _joints(hand: HandPose, known: np.ndarray, namespace: str) -> Marker:
    marker = _marker(namespace, Marker.SPHERE_LIST, (JOINT_DIAMETER,) * 3)
    marker.points = [_point(hand.keypoints[k]) for k in np.flatnonzero(known)]
    marker.colors = [_color(k) for k in np.flatnonzero(known)]
    return marker


def _bones(hand: HandPose, known: np.ndarray, namespace: str) -> Marker:
    marker = _marker(namespace, Marker.LINE_LIST, (BONE_WIDTH, 0.0, 0.0))
    for parent, child in BONES:
        if known[parent] and known[child]:
            marker.points += [_point(hand.keypoints[parent]), _point(hand.keypoints[child])]
            marker.colors += [_color(child)] * 2
    return marker


def _text(hand: HandPose, known: np.ndarray, namespace: str) -> Marker:
    marker = _marker(namespace, Marker.TEXT_VIEW_FACING, (0.0, 0.0, TEXT_HEIGHT))
    points = hand.keypoints[known]
    top = points[points[:, 1].argmin()]
    marker.pose.position = _point(top - (0.0, TEXT_OFFSET, 0.0))
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    number = f" {hand.track_id}" if hand.track_id else ""
    marker.text = f"{hand.handedness}{number} ({hand.handedness_score:.2f})"
    return marker


def _ellipsoids(hand: HandPose, known: np.ndarray, namespace: str) -> list[Marker]:
    """One sphere a keypoint, stretched to the ellipsoid that holds it with 95 % probability."""
    markers = []
    for k in np.flatnonzero(known & np.isfinite(hand.covariance).all((-1, -2))):
        values, axes = np.linalg.eigh(hand.covariance[k])
        if np.linalg.det(axes) < 0:  # a rotation, not a mirror image
            axes[:, 0] *= -1
        x, y, z = (float(2 * CHI_95 * np.sqrt(max(v, 1e-12))) for v in values)
        marker = _marker(namespace, Marker.SPHERE, (x, y, z))
        marker.id = int(k)
        marker.pose.position = _point(hand.keypoints[k])
        orientation = marker.pose.orientation
        orientation.x, orientation.y, orientation.z, orientation.w = quaternion(axes)
        marker.color = _color(k, ELLIPSOID_ALPHA)
        markers.append(marker)
    return markers
