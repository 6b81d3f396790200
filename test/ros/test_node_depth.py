"""A node with a depth camera, and the gestures it publishes, over real topics."""

from __future__ import annotations

import time

import numpy as np
import pytest
from conftest import HEIGHT, WIDTH, Patience, raw, rgb8, set_stamp, stamp_of, until
from hand_pose_25d.msg import HandGestureArray
from sensor_msgs.msg import Image, RegionOfInterest
from std_srvs.srv import Trigger


def depth_image(metres: float, kind=np.uint16, width: int = WIDTH, height: int = HEIGHT):
    """A wall at a distance."""
    unit = 1e-3 if kind is np.uint16 else 1.0
    values = np.full((height, width), metres / unit, kind)
    encoding = "16UC1" if kind is np.uint16 else "32FC1"
    return raw(encoding, width, height, width * values.itemsize, values.tobytes())


class DepthCamera:
    """Sends boxes, depth images and images; collects gestures and diagnostics."""

    def __init__(self, process, client):
        self.process, self.client = process, client
        node = client.node
        self.boxes = node.create_publisher(RegionOfInterest, "detections", 1)
        self.depths = node.create_publisher(Image, "depth", 5)
        self.gestures = []
        node.create_subscription(HandGestureArray, "gestures", self.gestures.append, 20)

    def see(self, depth=None, late=0.0):
        """Look with a depth image until there is a hand; its stamp is so late."""
        patience = Patience()
        while not patience.over():
            assert self.client.call(Trigger, "hand_pose/reset").success
            self.boxes.publish(RegionOfInterest(x_offset=20, y_offset=10, width=40, height=44))
            stamp = self.client.stamp()
            if depth is not None:
                set_stamp(depth.header, stamp + late)
                self.depths.publish(depth)
            time.sleep(0.05)
            answer = self.client.ask(rgb8(), stamp=stamp)
            if answer.hands and answer.hands[0].keypoints[0].z > 0:
                return answer
        raise AssertionError(f"no hand; the node wrote:\n{self.process.text}")


@pytest.fixture(scope="module")
def camera(start):
    process, client = start(
        "depth",
        use_depth=True,
        detections_type="region_of_interest",
        detections_max_age=60.0,
        redetect_interval=0.0,
    )
    return DepthCamera(process, client)


@pytest.mark.parametrize("kind", [np.uint16, np.float32], ids=["16UC1", "32FC1"])
def test_the_distance_is_the_depth_cameras(camera, kind):
    for metres in (0.17, 0.21):  # the hand of 40 px is at 0.19 m if it is an average one
        depths: list[float] = []

        def near(metres=metres, depths=depths) -> bool:
            answer = camera.see(depth_image(metres, kind))
            depths.append(np.mean([point.z for point in answer.hands[0].keypoints]))
            return abs(depths[-1] - metres) < 0.08 * metres

        until(near, why=f"{metres}: {depths}")  # a depth image may come after its image
    until(lambda: camera.client.number("images with depth") >= 2)


@pytest.mark.parametrize(
    ("depth", "late", "words"),
    [
        (depth_image(0.5, width=48, height=32), 0.0, "it is 48 x 32 px, the image 96 x 64"),
        (raw("rgb8", WIDTH, HEIGHT, 3 * WIDTH), 0.0, "its encoding is 'rgb8'"),
        (raw("", WIDTH, HEIGHT, 2 * WIDTH), 0.0, "its encoding is ''"),
        (raw("16UC1", WIDTH, HEIGHT, 2 * WIDTH, b"123"), 0.0, "data has 3 bytes"),
        (raw("16UC1", WIDTH, HEIGHT, 3), 0.0, "step is 3"),
        (raw("16UC1", WIDTH, HEIGHT, 2 * WIDTH), 0.0, "no pixel of it has a value"),
        (depth_image(np.nan, np.float32), 0.0, "no pixel of it has a value"),
        (depth_image(np.inf, np.float32), 0.0, "no pixel of it has a value"),
        (depth_image(-1.0, np.float32), 0.0, "no pixel of it has a value"),
        (depth_image(15.0, np.float32), 0.0, "depth does not count for hand"),
        (depth_image(0.5), 0.3, r"stamp is [-+]0.\d+ s from the image's"),
        (None, 0.0, r"stamp is [-+]\d+.\d+ s from the image's|no depth image"),
    ],
    ids=["size", "encoding", "no-encoding", "truncated", "step", "zero", "nan", "inf", "negative",
         "nothing-there", "late", "none"],
)  # fmt: skip
def test_bad_depth_is_said_and_costs_no_hand(camera, depth, late, words):
    camera.client.problems.clear()
    camera.client.told(words, lambda: camera.see(depth, late))
    assert camera.process.alive


def test_a_hands_gesture_is_published(camera):
    answers: list = []

    def both():
        """Return gestures and answer of one image; the first may come before DDS knows of us."""
        answers.append(camera.see(depth_image(0.6)))
        time.sleep(0.1)
        stamps = {stamp_of(answer): answer for answer in answers}
        return next(((g, stamps[stamp_of(g)]) for g in camera.gestures if stamp_of(g) in stamps),
                    None)  # fmt: skip

    message, answer = until(both)
    (gesture,), (hand,) = message.hands, answer.hands
    assert gesture.track_id == hand.track_id and gesture.handedness == hand.handedness
    thumb, index = (
        np.array([p.x, p.y, p.z]) for p in (hand.keypoints[hand.THUMB_TIP],
                                           hand.keypoints[hand.INDEX_TIP])
    )  # fmt: skip
    assert gesture.pinch_distance == pytest.approx(np.linalg.norm(thumb - index), rel=1e-4)
    assert 0 < gesture.pinch_distance_sigma < 0.2 and 0 < gesture.closure_sigma < 2
    assert 0 <= gesture.closure < 0.3, "the network's hand is flat"
    assert np.isfinite(gesture.finger_angles).all() and (gesture.finger_angles_sigma > 0).all()


def test_closed_form_and_depth_exclude_each_other(start):
    process, _ = start(
        "closed", wait="annot configure", connect=False, use_depth=True, method="closed_form"
    )
    process.wait_for("use_depth needs the method map")
    assert process.alive
