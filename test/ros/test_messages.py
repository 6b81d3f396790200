"""Conversions, wrist frame, markers, cameras, detections: modules of ros/ by themselves."""

from __future__ import annotations

import math
import types
from typing import get_args

import numpy as np
import pytest
from conftest import camera_info, set_stamp
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from hand_pose_25d.geometry.wrist_frame import (
    independent,
    quaternion,
    wrist_covariance,
    wrist_rotation,
)
from hand_pose_25d.hand_pose import HandPose, ScaleSource
from hand_pose_25d.ros.cameras import CameraInfos, camera_from_info
from hand_pose_25d.ros.detections import TopicDetector, detections_from_message
from hand_pose_25d.ros.diagnostics import Complaints
from hand_pose_25d.ros.images import InputError
from hand_pose_25d.ros.markers import CHI_95, hands_to_markers
from hand_pose_25d.ros.messages import hand_from_message, hand_to_message

# A right hand with the fingers up and its back to the viewer, in a frame x right, y up, z to the
# viewer: the thumb is on the left.
BACK_OF_RIGHT_HAND = np.zeros((21, 3))
BACK_OF_RIGHT_HAND[5], BACK_OF_RIGHT_HAND[9], BACK_OF_RIGHT_HAND[17] = (
    (-0.03, 0.09, 0.0), (0.0, 0.1, 0.0), (0.03, 0.08, 0.0),
)  # fmt: skip


def hand(**changes) -> HandPose:
    random = np.random.default_rng(4)
    values = {
        "keypoints": random.normal((0.1, 0.0, 0.6), 0.05, (21, 3)),
        "covariance": np.tile(np.diag([1e-6, 4e-6, 9e-4]), (21, 1, 1)),
        "keypoints_2d": random.uniform((100, 50), (180, 120), (21, 2)),
        "relative_depth": random.normal(0, 0.3, 21),
        "confidence": random.uniform(0, 1, 21),
        "handedness": "left", "handedness_score": 0.9, "score": 0.8,
        "box": (100.0, 50.0, 80.0, 70.0), "scale": 0.09, "track_id": 7, "state": "tracked",
    }  # fmt: skip
    return HandPose(**{**values, **changes})


def test_message_there_and_back():
    before = hand(scale_source="configured", wrist_velocity=np.array([0.1, -0.2, 0.3]))
    after = hand_from_message(hand_to_message(before, Header(frame_id="camera"), 640, 480))
    assert np.array_equal(after.keypoints, before.keypoints)  # float64 in the message
    assert np.array_equal(after.wrist_velocity, before.wrist_velocity)
    unknown = hand_to_message(hand(), Header(), 640, 480).wrist_velocity
    assert np.isnan([unknown.x, unknown.y, unknown.z]).all()
    for name in ("covariance", "keypoints_2d", "relative_depth", "confidence"):
        assert np.allclose(getattr(after, name), getattr(before, name), rtol=1e-6), name
    assert (after.handedness, after.track_id, after.state) == ("left", 7, "tracked")
    assert after.scale_source == "configured"
    assert after.scale == pytest.approx(0.09)


@pytest.mark.parametrize("source", get_args(ScaleSource))
def test_every_scale_source_has_a_constant(source):
    message = hand_to_message(hand(scale_source=source), Header(), 640, 480)
    assert message.scale_source != message.SCALE_UNKNOWN
    assert hand_from_message(message).scale_source == source


def test_the_wrist_pose_of_the_message_is_the_hands():
    random = np.random.default_rng(5)
    factor = random.normal(0, 0.01, (12, 12))
    known = hand(palm_covariance=factor @ factor.T)
    message = hand_to_message(known, Header(), 640, 480)
    assert np.array_equal(message.wrist_pose.covariance, known.wrist_pose.covariance.ravel())
    alone = hand_to_message(hand(), Header(), 640, 480).wrist_pose.covariance
    assert not np.allclose(message.wrist_pose.covariance, alone)


def test_a_lost_hand_is_nan_and_has_no_roi():
    nan = np.full((21, 3), np.nan)
    lost = hand(
        keypoints=nan,
        keypoints_2d=nan[:, :2],
        covariance=np.full((21, 3, 3), np.nan),
        state="lost",
    )
    message = hand_to_message(lost, Header(), 640, 480)
    assert message.tracking_state == message.STATE_LOST
    assert np.isnan(message.wrist_pose.covariance).all()
    assert np.isnan(message.wrist_pose.pose.position.x)
    assert np.isnan(message.wrist_pose.pose.orientation.w)
    assert (message.roi.width, message.roi.height) == (0, 0)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(10.0, 20.0), (12.4, 20.6)], (10, 20, 3, 2)),
        ([(-5.0, -5.0), (3.0, 2.0)], (0, 0, 4, 3)),
        ([(630.0, 470.0), (700.0, 500.0)], (630, 470, 10, 10)),
        ([(700.0, 10.0), (710.0, 20.0)], (0, 0, 0, 0)),
    ],
)
def test_roi_is_cut_off_at_the_border(points, expected):
    pixels = np.array([points[i % 2] for i in range(21)])
    roi = hand_to_message(hand(keypoints_2d=pixels), Header(), 640, 480).roi
    assert (roi.x_offset, roi.y_offset, roi.width, roi.height) == expected


def test_wrist_frame_of_both_hands():
    right = wrist_rotation(BACK_OF_RIGHT_HAND, is_right=True)
    # x up (fingers), z to the viewer (back), y to the left (thumb).
    assert np.allclose(right.T, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    mirrored = BACK_OF_RIGHT_HAND * (
        -1,
        1,
        1,
    )  # the back of a left hand: its thumb is on the right
    left = wrist_rotation(mirrored, is_right=False)
    assert np.allclose(left.T, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.dot(q, q) > 0.01))
def test_quaternion_gives_the_rotation_back(q):
    x, y, z, w = np.array(q) / np.linalg.norm(q)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = np.array(quaternion(rotation))
    assert found[3] >= 0
    assert abs(abs(found @ (x, y, z, w)) - 1) < 1e-9


def test_wrist_covariance_against_samples():
    random = np.random.default_rng(1)
    keypoints = BACK_OF_RIGHT_HAND + (0.1, -0.2, 0.6)
    covariance = np.tile(np.diag([1e-6, 2e-6, 4e-6]), (21, 1, 1))
    expected = wrist_covariance(keypoints, independent(covariance), True)
    noise = random.normal(0, np.sqrt([1e-6, 2e-6, 4e-6]), (40000, 21, 3))
    rotation = wrist_rotation(keypoints, True)
    skew = wrist_rotation(keypoints + noise, True) @ rotation.T
    turn = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], 1)
    sampled = np.cov(np.hstack([noise[:, 0], turn]), rowvar=False)
    deviation = np.sqrt(np.diag(expected))
    assert np.abs((sampled - expected) / np.outer(deviation, deviation)).max() < 0.05


def test_markers_show_only_what_is_known():
    points = hand().keypoints
    points[8] = np.nan
    hands = [hand(keypoints=points), hand(state="lost", track_id=8), hand(track_id=0)]
    header = Header(frame_id="camera")
    markers = hands_to_markers(hands, header, ellipsoids=True, lifetime=1.25).markers
    assert markers[0].action == Marker.DELETEALL
    assert [m.action for m in markers[1:]] == [Marker.ADD] * (len(markers) - 1)
    assert {m.ns.split("/")[0] for m in markers[1:]} == {"hand_7", "untracked_2"}
    joints = next(m for m in markers if m.ns == "hand_7/joints")
    bones = next(m for m in markers if m.ns == "hand_7/bones")
    assert (len(joints.points), len(bones.points)) == (20, 2 * 19)
    assert (markers[1].lifetime.sec, markers[1].lifetime.nanosec) == (1, 250_000_000)
    sphere = next(m for m in markers if m.ns == "hand_7/uncertainty")
    scale = sorted([sphere.scale.x, sphere.scale.y, sphere.scale.z])
    assert np.allclose(scale, 2 * CHI_95 * np.array([1e-3, 2e-3, 3e-2]))
    keys = [(m.ns, m.id) for m in markers[1:]]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("model", "d", "expected"),
    [
        ("plumb_bob", [0.1, 0.0, 0.0, 0.0, 0.0], ("plumb_bob", 5)),
        ("plumb_bob", [], ("plumb_bob", 0)),
        ("", [0.0] * 5, ("plumb_bob", 0)),
        ("plumb_bob", [0.1] + [0.0] * 7, ("plumb_bob", 5)),
        ("plumb_bob", [0.1] * 8, ("rational_polynomial", 8)),
        ("rational_polynomial", [0.1] * 12 + [0.0] * 2, ("rational_polynomial", 12)),
        ("equidistant", [0.0] * 4, ("equidistant", 4)),
        ("fisheye", [0.1] * 4, ("equidistant", 4)),
    ],
)
def test_distortion_models_as_drivers_write_them(model, d, expected):
    info = camera_info()
    info.distortion_model, info.d = model, d
    camera = camera_from_info(info, rectified=False)
    assert (camera.model, len(camera.distortion)) == expected
    assert not camera_from_info(info, rectified=True).is_distorted


def test_rectified_takes_p_and_raw_takes_k():
    info = camera_info()
    info.p[0] = 123.0
    assert camera_from_info(info, rectified=True).fx == 123.0
    assert camera_from_info(info, rectified=False).fx == 100.0


def test_the_camera_info_of_the_same_stamp_counts_else_the_newest():
    infos = CameraInfos()
    with pytest.raises(InputError, match="no CameraInfo has come yet"):
        infos.camera(Header(), 96, 64, False)
    for stamp, focal in ((1.0, 101.0), (2.0, 102.0)):
        info = camera_info(focal=focal)
        set_stamp(info.header, stamp)
        infos.add(info)
    for stamp, focal in ((1.0, 101.0), (2.0, 102.0), (1.5, 102.0)):
        header = Header()
        set_stamp(header, stamp)
        assert infos.camera(header, 96, 64, False).fx == focal


def vision_detection(x, y, w, h, *results):
    """Make what vision_msgs/Detection2D looks like, which need not be installed."""
    name = types.SimpleNamespace
    center = name(position=name(x=x, y=y), theta=0.0)
    hypotheses = [name(hypothesis=name(class_id=c, score=s)) for c, s in results]
    return name(bbox=name(center=center, size_x=w, size_y=h), results=hypotheses)


@pytest.mark.parametrize(
    ("label", "right"), [("hand_left", 0.1), ("Right Hand", 0.9), ("hand", None), ("bright", None)]
)
def test_detections_of_vision_msgs(label, right):
    item = vision_detection(50.0, 40.0, 20.0, 10.0, ("other", 0.2), (label, 0.7))
    (found,) = detections_from_message(types.SimpleNamespace(detections=[item]))
    assert found.box == (40.0, 35.0, 20.0, 10.0)
    assert found.score == 0.7
    if right is None:
        assert np.isnan(found.p_right)
    else:
        assert found.p_right == pytest.approx(right)


def test_a_roi_beyond_the_sensor_is_refused():
    info = camera_info(400, 300)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 300, 200, 100, 100
    assert camera_from_info(info, False).width == 100
    info.roi.x_offset = 301
    with pytest.raises(InputError, match="100 x 100 px at 301, 200, is not within its 400 x 300"):
        camera_from_info(info, False)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((50.0, 40.0, 0.0, 10.0), "w and h must be above 0"),
        ((math.nan, 40.0, 10.0, 10.0), "must be finite"),
        ((50.0, 40.0, 1e30, 1e30), "beyond 1e"),
        ((math.inf, 40.0, 10.0, 10.0), "must be finite"),
        ((50.0, 40.0, -5.0, 10.0), "above 0"),
        ((50.0, 40.0, 1e-30, 1e-30), "at least 0.001"),
    ],
)
def test_one_bad_box_of_an_array_costs_that_box(box, reason):
    good = [vision_detection(50.0 + n, 40.0, 20.0, 10.0) for n in range(3)]
    said = []
    message = types.SimpleNamespace(detections=[*good[:2], vision_detection(*box), good[2]])
    found = detections_from_message(message, lambda kind, text: said.append((kind, text)))
    assert [d.box[0] for d in found] == [40.0, 41.0, 42.0]
    ((kind, text),) = said
    assert kind == "detections" and reason in text and "detection 2 of 4" in text


def test_topic_detections_outside_the_image_or_too_old_do_not_count():
    detector = TopicDetector(max_age=60.0)
    image = np.zeros((64, 96, 3), np.uint8)
    assert detector.detect(image) == []
    inside = RegionOfInterest(x_offset=90, y_offset=60, width=20, height=20)
    outside = RegionOfInterest(x_offset=96, y_offset=0, width=20, height=20)
    detector.add([d for m in (inside, outside) for d in detections_from_message(m)])
    assert [d.box[0] for d in detector.detect(image)] == [90.0]
    detector.max_age = 0.0
    assert detector.detect(image) == []


def test_complaints_are_made_at_once_then_seldom_with_a_count():
    said, now = [], [0.0]
    complaints = Complaints(said.append, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 2.0, 11.0):
        complaints.report("kind", "wrong")
    complaints.report("other", "also wrong")
    assert said == ["wrong", "wrong (2 more since the last time)", "also wrong"]
    assert complaints.current() == "also wrong"
    now[0] = 20.0
    assert complaints.current() == ""
