"""What comes out: hands, markers, pictures, diagnostics, and a calibration."""

from __future__ import annotations

import struct
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import (
    ATTEMPTS,
    HEARD,
    HEIGHT,
    PATIENCE,
    SENT,
    WIDTH,
    Patience,
    camera_info,
    published,
    rgb8,
    set_stamp,
    stamp_of,
    until,
)
from hand_pose_25d.msg import HandPose
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, RegionOfInterest
from std_srvs.srv import Trigger
from visualization_msgs.msg import ImageMarker, Marker, MarkerArray

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.reconstruction.hand_calibration import Calibration
from hand_pose_25d.ros.qos import INPUT_DEPTH, OUTPUT_DEPTH
from hand_pose_25d.skeleton import BONES

BOX = (20, 10, 40, 44)
BURST = 300  # images
OLD = 60.0  # seconds a box counts for: an image may come long after its box


def picture(seed: int = 0) -> np.ndarray:
    """Something to look at: the untrained network's keypoints depend on it."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


class Watcher:
    """Collects what a node publishes on its other topics, and sends boxes."""

    def __init__(self, process, client, folder):
        self.process, self.client, self.folder = process, client, folder
        node = client.node
        self.boxes = node.create_publisher(RegionOfInterest, "detections", 1)
        self.markers, self.pictures, self.flat = [], [], []
        self.subscriptions = [
            node.create_subscription(MarkerArray, "markers", self.markers.append, 5),
            node.create_subscription(Image, "debug_image", self.pictures.append, 5),
            node.create_subscription(ImageMarker, "image_markers", self.flat.append, 5),
        ]

    def look(self, box=BOX, seed=0):
        """Send a box and an image; return the answer, None where there is no hand in it.

        The untrained network finds a hand in the box, but nothing to follow: every time anew.
        """
        assert self.client.call(Trigger, "hand_pose/reset").success
        x, y, w, h = box
        self.boxes.publish(RegionOfInterest(x_offset=x, y_offset=y, width=w, height=h))
        time.sleep(0.02)
        answer = self.client.ask(rgb8(picture(seed)))
        return answer if any(hand.keypoints[0].z > 0 for hand in answer.hands) else None

    def see(self, box=BOX, seed=0):
        """Look until a hand comes: an image may overtake its box."""
        return until(lambda: self.look(box, seed), why="no hand")

    def shown(self, came: list, header=lambda message: message.header):
        """Look until there is a message of an image's header, too; return it and the answer.

        The node may not know of the subscription yet when it publishes the first.
        """

        def both():
            answer = self.see()
            soon = Patience(3.0)
            while not soon.over():
                for message in list(came):
                    if header(message) == answer.header:
                        return message, answer
                time.sleep(0.01)
            return None

        return until(both, why="nothing with the header of an answer")

    def distances(self, seeds=range(24)):
        """Return the wrists' depths in the pictures in which there is a hand, by their seeds."""
        found = {seed: self.look(seed=seed) or self.look(seed=seed) for seed in seeds}
        return {seed: a.hands[0].keypoints[0].z for seed, a in found.items() if a is not None}

    def change(self, number: int) -> None:
        request = ChangeState.Request()
        request.transition.id = number
        assert self.client.call(ChangeState, "hand_pose/change_state", request).success

    def put(self, **values):
        request = SetParameters.Request(
            parameters=[Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        )
        for result in self.client.call(SetParameters, "hand_pose/set_parameters", request).results:
            assert result.successful, result.reason


@pytest.fixture(scope="module")
def watcher(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    process, client = start(
        "hands",
        detections_type="region_of_interest",
        detections_max_age=OLD,
        redetect_interval=0.0,
        calibration_file=str(folder / "hand.yaml"),
    )
    return Watcher(process, client, folder)


def test_a_hand_in_a_given_box(watcher):
    answer = watcher.see()
    (hand,) = answer.hands
    assert hand.header == answer.header
    assert hand.track_id > 0
    assert hand.handedness in (hand.LEFT, hand.RIGHT)
    assert 0.5 <= hand.handedness_score <= 1
    assert hand.score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3)  # the network's bias
    assert hand.tracking_state in (hand.STATE_DETECTED, hand.STATE_TRACKED)
    points = np.array([[p.x, p.y, p.z] for p in hand.keypoints])
    pixels = np.array(hand.keypoints_2d).reshape(21, 2)
    assert (points[:, 2] > 0).all()
    # Position and pixel are one statement: the camera has no distortion, f = 100, c = (48, 32).
    # The reconstruction moves both a little, so compare what the message holds to itself.
    covariance = np.array(hand.covariance).reshape(21, 3, 3)
    assert np.allclose(covariance, covariance.transpose(0, 2, 1))
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    assert hand.scale_source == hand.SCALE_PRIOR
    assert hand.relative_depth[0] == 0
    roi = hand.roi
    low, high = np.floor(pixels.min(0) + 0.5), np.floor(pixels.max(0) + 0.5)
    assert roi.x_offset == max(0, low[0])
    assert roi.y_offset == max(0, low[1])
    assert roi.x_offset + roi.width == min(WIDTH, high[0] + 1)
    assert roi.y_offset + roi.height == min(HEIGHT, high[1] + 1)
    quaternion = hand.wrist_pose.pose.orientation
    assert np.linalg.norm(
        [quaternion.x, quaternion.y, quaternion.z, quaternion.w]
    ) == pytest.approx(1)
    position = hand.wrist_pose.pose.position
    assert (position.x, position.y, position.z) == tuple(points[0])


def test_markers_begin_anew_with_every_image(watcher):
    array, answer = watcher.shown(watcher.markers, lambda m: m.markers[0].header)
    header = answer.header
    assert array.markers[0].action == Marker.DELETEALL
    kinds = {m.ns.split("/")[1]: m for m in array.markers[1:]}
    assert set(kinds) == {"joints", "bones", "handedness"}
    assert len(kinds["joints"].points) == 21
    assert len(kinds["bones"].points) == len(kinds["bones"].colors) == 40
    assert kinds["handedness"].text.split()[0] in ("left", "right")
    assert all(m.header == header for m in array.markers)
    assert len({m.ns.split("/")[0] for m in array.markers[1:]}) == 1


def test_ellipsoids_are_a_parameter(watcher):
    watcher.put(marker_ellipsoids=True, marker_lifetime=2)
    array, _ = watcher.shown(watcher.markers, lambda m: m.markers[0].header)
    spheres = [m for m in array.markers if m.ns.endswith("/uncertainty")]
    assert sorted(m.id for m in spheres) == list(range(21))
    assert all(m.lifetime.sec == 2 for m in array.markers[1:])
    watcher.put(marker_ellipsoids=False)


def test_the_debug_image_shows_the_hands_to_whoever_looks(watcher):
    shown, _ = watcher.shown(watcher.pictures)
    assert (shown.encoding, shown.width, shown.height) == ("rgb8", WIDTH, HEIGHT)
    drawn = np.frombuffer(shown.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    changed = (drawn != picture()).any(-1).mean()
    assert 0.02 < changed < 1


def test_the_bones_are_marked_in_the_image(watcher):
    marker, answer = watcher.shown(watcher.flat)
    pixels = answer.hands[0].keypoints_2d.reshape(21, 2)
    points = np.array([[p.x, p.y] for p in marker.points]).reshape(-1, 2, 2)
    np.testing.assert_allclose(points, pixels[np.array(BONES)], atol=1e-3)
    assert (marker.type, len(marker.outline_colors)) == (ImageMarker.LINE_LIST, 2 * len(BONES))


def test_boxes_grow_old(watcher):
    watcher.see()
    watcher.put(detections_max_age=0.2)

    def nothing() -> bool:
        watcher.client.call(Trigger, "hand_pose/reset")
        return not watcher.client.ask(rgb8(picture())).hands

    until(nothing, why="the box still counts")
    watcher.put(detections_max_age=OLD)


def test_bad_boxes_are_reported_and_survived(watcher):
    watcher.boxes.publish(RegionOfInterest(width=0, height=0))  # a detector that sees nothing
    far = RegionOfInterest(x_offset=2**31, y_offset=5, width=9, height=9)
    watcher.client.told("beyond 1e", lambda: watcher.boxes.publish(far))
    watcher.client.ask()
    watcher.see()


def test_ids_are_not_used_again_after_a_reset(watcher):
    before = watcher.see().hands[0].track_id
    assert watcher.client.call(Trigger, "hand_pose/reset").success
    assert watcher.see().hands[0].track_id > before


def test_diagnostics_count_and_name_the_fault(watcher):
    steps = ("landmark network", "reconstruction", "processing", "age")
    client = watcher.client

    def diagnosed():
        """Return the values of the last seconds, in which images with a hand were worked on."""
        watcher.see()
        values = client.values
        return values if all(f"{step} p95 [ms]" in values for step in steps) else None

    values = until(diagnosed, why="no diagnostics")
    assert values["state"] == "active"
    assert int(values["images processed"]) > 0
    for step in steps:
        assert 0 <= float(values[f"{step} median [ms]"]) <= float(values[f"{step} p95 [ms]"])
    assert float(values["age median [ms]"]) > 1e6, "the stamps are of 1970"
    assert "tiny.onnx" in values["networks"]
    assert client.hardware == "camera_optical"
    client.told(
        "its CameraInfo says 640 x 480",
        lambda: client.send(rgb8(picture()), camera_info(640, 480)),
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hand_length": 0.0, "wrist_distance": 0.0}, "set exactly one of the parameters"),
        ({"hand_length": 0.19, "wrist_distance": 0.5}, "set exactly one of the parameters"),
        (
            {"hand_length": 0.0, "wrist_distance": 0.5, "calibration_timeout": 1.0},
            "images with exactly one hand came in 1 s",
        ),
    ],
)
def test_calibration_says_what_is_missing(watcher, values, words):
    watcher.put(**values)
    response = watcher.client.call(Trigger, "hand_pose/calibrate")
    assert not response.success
    assert words in response.message


def test_calibration_by_hand_length_is_used_and_stored(watcher):
    before = watcher.distances()
    watcher.put(hand_length=0.2, wrist_distance=0.0)
    response = watcher.client.call(Trigger, "hand_pose/calibrate")
    assert response.success, response.message
    assert str(watcher.folder / "hand.yaml") in response.message
    prior = BoneLengthPrior.load(watcher.folder / "hand.yaml")
    assert prior.hand_length == pytest.approx(0.2, abs=5e-4)
    hand = watcher.see().hands[0]
    assert hand.scale_source == hand.SCALE_CALIBRATED
    # The same pictures, a hand of another size: the distance grows as the hand does.  What the
    # untrained network sees is hardly a hand, so that its bones pull this way or that.
    after = watcher.distances()
    both = before.keys() & after.keys()
    assert len(both) >= 5
    scale = 0.2 / BoneLengthPrior.default().hand_length
    ratio = np.median([after[seed] / before[seed] for seed in both])
    assert ratio == pytest.approx(scale, rel=0.05)


def test_calibration_by_distance_takes_the_images_to_come(watcher):
    # How near it comes is tested with real hands' shapes, in test_calibration.py.
    watcher.put(hand_length=0.0, calibration_images=5, calibration_timeout=PATIENCE)
    point = watcher.see().hands[0].keypoints[0]
    distance = 1.1 * float(np.linalg.norm([point.x, point.y, point.z]))
    watcher.put(wrist_distance=distance)
    with ThreadPoolExecutor(1) as pool:
        asked = {"kind": Trigger, "name": "hand_pose/calibrate", "timeout": ATTEMPTS * PATIENCE}
        future = pool.submit(watcher.client.call, **asked)
        until(lambda: watcher.see() and future.done())  # images are worked on while it waits
    response = future.result()
    assert response.success, response.message
    stored = Calibration.load(watcher.folder / "hand.yaml")
    assert stored.frames == 5
    assert f"wrist {distance:.4g} m from the camera" in stored.method
    assert stored.method in response.message
    hand = watcher.see().hands[0]
    assert hand.scale_source == hand.SCALE_CALIBRATED


def test_a_calibration_outlives_cleanup_and_configure(watcher):
    """Until the parameters say another size."""
    watcher.put(hand_length=0.2, wrist_distance=0.0)
    assert watcher.client.call(Trigger, "hand_pose/calibrate").success
    depths = []
    for population, source in (
        ("adult", HandPose.SCALE_CALIBRATED),
        ("woman", HandPose.SCALE_PRIOR),
        ("adult", HandPose.SCALE_CALIBRATED),
    ):
        for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
            watcher.change(transition)
        watcher.put(population=population)
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            watcher.change(transition)
        watcher.client.connected()
        hand = watcher.see().hands[0]
        assert hand.scale_source == source
        depths.append(hand.keypoints[0].z)
    assert depths[0] == pytest.approx(depths[2])
    assert depths[0] != pytest.approx(depths[1], rel=0.01)


def test_a_flood_is_dropped_not_queued(start):
    # Reliable, so that what is missing was dropped for being old, and not lost.
    process, client = start("flood", reliable=True, reliability="reliable")
    height, width = 480, 640
    image = rgb8(np.zeros((height, width, 3), np.uint8))
    for _ in range(5):
        client.ask(image, camera_info(width, height))
    before, memory = settled(client), process.memory
    client.arrays.clear()
    sent: list[tuple[int, int]] = []
    data = bytearray(serialize_message(image))
    patience = Patience()
    while True:
        for _ in range(BURST):  # as fast as it goes: to copy an image is cheaper than to look at
            set_stamp(image.header, client.stamp())
            struct.pack_into("=iI", data, 4, *stamp_of(image))
            published(client.images, bytes(data))
            sent.append(stamp_of(image))
        came = len(client.arrays)
        until(lambda: sent[-1] in map(stamp_of, client.arrays), why="the newest has no answer")
        # No backlog: what the node has, what DDS keeps at both ends, answers under way.
        assert len(client.arrays) - came <= 2 + SENT + INPUT_DEPTH + OUTPUT_DEPTH + HEARD
        now = settled(client)
        count = {key: now[key] - before[key] for key in now}
        assert count["processed"] + count["dropped"] == count["received"] <= len(sent)
        if len(sent) - count["processed"] >= BURST / 2:
            break
        assert not patience.over(), f"of {len(sent)} images: {count}"
    answered = list(map(stamp_of, client.arrays))
    assert answered == sorted(set(answered)) and set(answered) <= set(sent)
    assert answered[-1] == sent[-1]
    assert process.memory - memory < BURST * len(data) / 3


def settled(client) -> dict[str, int]:
    """Return the diagnostics' counts of images once they tell what became of each."""
    names = {"received": "images received", "processed": "images processed",
             "dropped": "images dropped (newer ones came)", "unusable": "images unusable",
             "failed": "images failed"}  # fmt: skip
    seen = len(client.diagnosed)
    until(lambda: len(client.diagnosed) > seen + 1)  # one may have been on its way

    def counts() -> dict[str, int] | None:
        found = {name: int(client.number(key)) for name, key in names.items()}
        return found if found["received"] == sum(found.values()) - found["received"] else None

    return until(counts, why=f"{client.values}")
