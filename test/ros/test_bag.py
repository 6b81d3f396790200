"""Bag in, bag out: real nodes over real topics give the poses that `process` gives without ROS."""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import sleep

import cv2
import numpy as np
import pytest
import rclpy
from conftest import EXECUTABLE, Patience, Process, until
from recordings_made import FIRST_STAMP, RATE, clip_camera, clip_images, write_bag
from rosbags.highlevel import AnyReader

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.parquet import read_images
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.io.recordings import stamp_ns, typestore

IMAGES = 10
TILT = cv2.Rodrigues(np.radians([2.0, -3.0, 1.0]))[0]  # R of CameraInfo, as of a stereo camera


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bag") / "walk"
    return write_bag(folder, clip_images(IMAGES, 36), clip_camera(), rotation=TILT)


@pytest.fixture(scope="module")
def recorded(bag, tmp_path_factory, context):
    """Return the file that the recorder wrote of node and source, each a process of its own."""
    folder = tmp_path_factory.mktemp("played")
    common = ["--ros-args", "-r", "__ns:=/bag_test"]

    def start(name: str, *parameters: str, wait: str = "") -> Process:
        given = [word for parameter in parameters for word in ("-p", parameter)]
        program = str(EXECUTABLE.with_name(name))
        return Process([program, *common, *given], folder / f"{name}.txt", wait)

    out = folder / "hands.mcap"
    node = start(
        "hand_pose", "device:=cpu", "reliability:=reliable", "smoothing:=false", wait="Active"
    )
    recorder = start("recorder", f"output:={out}", "reliable:=true", "header_time:=true")
    watching = rclpy.create_node("watching", namespace="bag_test", context=context)
    try:
        for topic in ("image", "camera_info", "hands", "markers"):
            readers = 2 if topic in ("image", "camera_info") else 1
            until(lambda t=topic, n=readers: watching.count_subscribers(t) >= n, why=recorder.text)
        sleep(3.0)  # what this node sees, node and recorder see of each other
        source = start("source", f"input:={bag}", "subscribers:=2")
        assert source.ended(Patience(900)) == 0, source.text
    finally:
        watching.destroy_node()
        recorder.stop()
        node.stop()
    return out


def messages(path: Path, topic: str) -> list:
    with AnyReader([path], default_typestore=typestore()) as reader:
        connections = [c for c in reader.connections if c.topic == topic]
        return [
            (time, reader.deserialize(data, connection.msgtype))
            for connection, time, data in reader.messages(connections)
        ]


def test_every_image_is_recorded_once_at_its_own_time(recorded):
    stamps = [FIRST_STAMP + round(i * 1e9 / RATE) for i in range(IMAGES)]
    for topic in ("hands", "image_annotations", "markers", "camera_info", "image/compressed"):
        found = messages(recorded, f"/{topic}")
        assert [time for time, _ in found] == stamps, topic
    assert {m.header.frame_id for _, m in messages(recorded, "/hands")} == {"head_camera_optical"}
    info = messages(recorded, "/camera_info")[0][1]
    np.testing.assert_allclose(info.r, TILT.ravel())


def test_process_gives_the_same_poses_number_by_number(bag, recorded, tmp_path):
    settings = ProcessSettings(estimator=(("device", "cpu"),))
    outcome = Processor(settings, tmp_path, ("mcap",))(find_units([bag])[0])
    assert (outcome.status, outcome.images) == ("done", IMAGES)
    published = [message for _, message in messages(recorded, "/hands")]
    images = [
        [row for row in rows if row["track_id"] is not None]
        for rows in read_images(tmp_path / "walk.parquet")
    ]
    assert [len(rows) for rows in images] == [len(m.hands) for m in published]
    assert sum(map(len, images)) >= IMAGES
    for rows, message in zip(images, published, strict=True):
        for row, hand in zip(rows, message.hands, strict=True):
            assert (row["track_id"], row["stamp_ns"]) == (hand.track_id, stamp_ns(hand.header))
            assert row["handedness"] == {1: "left", 2: "right"}[hand.handedness]
            keypoints = np.array([[p.x, p.y, p.z] for p in hand.keypoints], np.float32)
            wrist = hand.wrist_pose.pose
            q = wrist.orientation
            for name, value in (
                ("keypoints", keypoints.ravel()),
                ("covariance", hand.covariance),
                ("keypoints_2d", hand.keypoints_2d),
                ("confidence", hand.confidence),
                ("relative_depth", hand.relative_depth),
                ("wrist_orientation", np.float32([q.x, q.y, q.z, q.w])),
                ("wrist_covariance", hand.wrist_pose.covariance.astype(np.float32)),
                ("score", hand.score),
                ("handedness_score", hand.handedness_score),
                ("scale", hand.scale),
            ):
                np.testing.assert_array_equal(np.float32(row[name]), value, err_msg=name)
    # And so does the MCAP file that is made of the Parquet file, to float32's precision.
    for (time, made), message in zip(
        messages(tmp_path / "walk.mcap", "/hands"), published, strict=True
    ):
        assert time == stamp_ns(message.header) == stamp_ns(made.header)
        for mine, theirs in zip(made.hands, message.hands, strict=True):
            a, b = mine.wrist_pose, theirs.wrist_pose
            np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-4, atol=1e-6)
            assert a.pose.orientation.w == pytest.approx(b.pose.orientation.w, abs=1e-6)
            assert mine.keypoints[8].z == pytest.approx(theirs.keypoints[8].z, abs=1e-6)
            assert (mine.roi.x_offset, mine.roi.width) == (theirs.roi.x_offset, theirs.roi.width)


def test_a_bag_without_camera_info_is_named_at_the_start(tmp_path):
    folder = write_bag(tmp_path / "blind", clip_images(1), None)
    command = [EXECUTABLE.with_name("source"), "--ros-args", "-p", f"input:={folder}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert ended.returncode == 2
    assert "does not say what camera took it" in ended.stderr
