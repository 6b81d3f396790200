"""The messages made without ROS are those of the node, byte by byte; the Foxglove layout fits."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from seen_hands import hand_pose

from hand_pose_25d.archive.bag_messages import BagMessages
from hand_pose_25d.skeleton import BONES

ROOT = Path(__file__).parents[2]
STAMP = 1_700_000_000_123_456_789


def some_hands():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(21, 3)) * 0.05 + (0.02, -0.03, 0.6)
    whole = hand_pose(points.astype(np.float32).astype(float), track_id=1, state="tracked")
    partly = points + (0.2, 0, 0)
    partly[7] = np.nan
    part = hand_pose(partly, track_id=2, handedness="left", scale_source="depth")
    pixels = np.where(np.isnan(part.keypoints_2d), np.nan, part.keypoints_2d)
    lost = replace(whole, track_id=3, state="lost", keypoints=np.full((21, 3), np.nan))
    return [whole, replace(part, keypoints_2d=pixels), lost]


def test_they_are_the_nodes_messages():
    serialization = pytest.importorskip("rclpy.serialization")
    pytest.importorskip("hand_pose_25d.msg")
    from builtin_interfaces.msg import Time
    from std_msgs.msg import Header

    from hand_pose_25d.ros.markers import hands_to_markers
    from hand_pose_25d.ros.messages import hands_to_message

    header = Header(stamp=Time(sec=STAMP // 10**9, nanosec=STAMP % 10**9), frame_id="camera")
    made = BagMessages()
    ours = made.header(STAMP, "camera")
    hands = some_hands()
    # The alignment bytes of CDR are free; what is read back counts.
    for message, own, kind in (
        (hands_to_message(hands, header, 640, 480), made.hands(hands, ours, 640, 480), made.HANDS),
        (hands_to_markers(hands, header), made.markers(hands, ours), made.MARKERS),
    ):
        theirs = made.store.deserialize_cdr(serialization.serialize_message(message), kind)
        assert made.serialize(theirs, kind) == made.serialize(own, kind)


def test_they_are_read_back_as_they_were():
    made = BagMessages()
    hands = some_hands()
    array = made.hands(hands, made.header(STAMP, "camera"), 640, 480)
    read = made.store.deserialize_cdr(made.serialize(array, made.HANDS), made.HANDS)
    assert [hand.track_id for hand in read.hands] == [1, 2, 3]
    assert [hand.tracking_state for hand in read.hands] == [2, 1, 3]
    assert read.hands[0].header.stamp.nanosec == STAMP % 10**9
    points = [[p.x, p.y, p.z] for p in read.hands[1].keypoints]
    np.testing.assert_array_equal(points, hands[1].keypoints)
    assert np.isnan(read.hands[2].wrist_pose.pose.orientation.w)
    speeds = [hand.wrist_velocity for hand in read.hands]
    np.testing.assert_array_equal(
        [[v.x, v.y, v.z] for v in speeds], [hand.wrist_velocity for hand in hands]
    )
    markers = made.markers(hands, made.header(STAMP, "camera")).markers
    assert [m.ns for m in markers] == ["", *(
        f"hand_{i}/{part}" for i in (1, 2) for part in ("joints", "bones", "handedness")
    )]  # fmt: skip
    assert len(markers[4].points) == 20 and len(markers[5].points) == 2 * 18


def test_annotations_are_the_skeletons_in_foxgloves_pixels(tmp_path):
    """Written to a file and read with nothing but the definitions in it."""
    made, hands = BagMessages(), some_hands()
    message = made.annotations(hands, made.header(STAMP, "camera"))
    with Writer(tmp_path / "x", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/a", made.ANNOTATIONS, typestore=made.store)
        writer.write(connection, STAMP, made.serialize(message, made.ANNOTATIONS))
    with AnyReader([tmp_path / "x"]) as reader:
        (found,) = [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages()]
    lines, dots, partly, _ = found.points
    assert (lines.type, dots.type, len(partly.points)) == (4, 1, 2 * 18)
    assert len(lines.outline_colors) == len(BONES) == len(lines.points) / 2
    corners = np.array([[p.x, p.y] for p in lines.points]).reshape(-1, 2, 2)
    # Their first pixel's centre is at 0.5, 0.5.
    np.testing.assert_allclose(corners, hands[0].keypoints_2d[np.array(BONES)] + 0.5)
    assert [t.text for t in found.texts] == ["right 1", "left 2"]
    assert lines.timestamp.nanosec == STAMP % 10**9


def test_the_foxglove_layout_shows_what_is_published_and_recorded():
    panel = json.loads((ROOT / "config/hand.foxglove.json").read_text())["configById"]
    shown = panel["Image!camera"]["imageMode"]["annotations"]
    assert shown == {
        "/image_annotations": {"visible": True},  # of files, by recorder and process
        "/image_markers": {"visible": True},  # of the node
    }


def test_the_foxglove_layout_names_topics_and_fields_that_exist():
    layout = json.loads((ROOT / "config/hand.foxglove.json").read_text())
    panels = layout["configById"]
    text = json.dumps(layout["layout"])
    assert all(f'"{name}"' in text for name in panels)
    paths = [p["value"] for panel in panels.values() for p in panel.get("paths", [])]
    made = BagMessages()
    array = made.hands(some_hands()[:2], made.header(STAMP, "camera"), 640, 480)
    for path in paths:
        topic, index, fields = re.fullmatch(r"(/\w+)\.hands\[(\d)\]\.([\w.]+)", path).groups()
        value = array.hands[int(index)]
        for field in fields.split("."):
            value = getattr(value, field)
        assert topic == "/hands" and isinstance(value, float)
