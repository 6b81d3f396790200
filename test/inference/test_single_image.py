"""The looks at an image on its own: hands without skin's colours, and hands behind others."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hands_2d import fist, hand_at
from recordings_made import clip_camera, clip_images

from hand_pose_25d import HandPoseEstimator
from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import box_around
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.detection import Detection
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.hand_networks import HandNetworks
from hand_pose_25d.inference.hypotheses import ResolvedHands
from hand_pose_25d.inference.landmarks import Landmarks
from hand_pose_25d.inference.pose_network import Prediction, load_pose_network
from hand_pose_25d.inference.single_image import find_hands


class CountingDetector(Detector):
    """The shipped one, that keeps what it is asked about."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.images: list[np.ndarray] = []

    def propose(self, image: np.ndarray, factor: float = 1.5) -> list[Detection]:
        self.images.append(image)
        return super().propose(image, factor)


class ForeignDetector:
    """Another's, that finds what the shipped one finds."""

    def __init__(self) -> None:
        self.ours, self.calls = Detector("cpu"), 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.calls += 1
        return self.ours.detect_single(image)


@pytest.fixture(scope="module")
def networks() -> HandNetworks:
    return HandNetworks(CountingDetector(), load_pose_network("accurate", "cpu"))


@pytest.fixture(autouse=True)
def _start_to_count(networks: HandNetworks) -> None:
    looks(networks).clear()


def looks(networks: HandNetworks) -> list[np.ndarray]:
    assert isinstance(networks.detector, CountingDetector)
    return networks.detector.images


def frame_of(start: int) -> Frame:
    (image,) = clip_images(1, start=start)
    return Frame(image, clip_camera())


def gloved(frame: Frame) -> Frame:
    """Return the frame in one bright green, as a glove has it."""
    hsv = cv2.cvtColor(frame.image, cv2.COLOR_RGB2HSV)
    hsv[..., 0], hsv[..., 1] = 60, 255
    return Frame(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), frame.camera)


def in_grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


@pytest.mark.parametrize("start", [50, 65])
def test_green_hands_are_found(networks: HandNetworks, start: int) -> None:
    frame = frame_of(start)
    skin = find_hands(networks, frame, 2, 0.5)
    green = gloved(frame)
    found = networks.propose(green)
    hands = networks.resolve(green, found, again=True)
    assert not networks.show_hands(found, hands.landmarks, 0.5).any(), "the look in colour"
    looks(networks).clear()
    hands = find_hands(networks, green, 2, 0.5)
    assert len(hands) == len(skin) == 2
    np.testing.assert_array_equal(looks(networks)[1], in_grey(green.image))
    order = np.argsort(hands.landmarks.extended_2d[:, 0, 0])
    other = np.argsort(skin.landmarks.extended_2d[:, 0, 0])
    off = hands.landmarks.extended_2d[order] - skin.landmarks.extended_2d[other]
    sizes = [region.size for region in skin.landmarks[other].regions]
    assert (np.linalg.norm(off, axis=-1).mean(axis=1) < 0.05 * np.array(sizes)).all()
    assert ((hands.p_right[order] > 0.5) == (skin.p_right[other] > 0.5)).all()


@pytest.mark.parametrize(
    ("start", "middle"),  # of the hand behind the other one, by eye
    [(92, (277, 250)), (104, (230, 240)), (106, (231, 237))],
)
def test_the_hand_behind_another_one_is_found(
    networks: HandNetworks, start: int, middle: tuple[int, int]
) -> None:
    frame = frame_of(start)
    found = networks.propose(frame)[:4]
    hands = networks.resolve(frame, found, again=True)
    in_front = networks.show_hands(found, hands.landmarks, 0.5)
    middles = hands.landmarks.extended_2d[in_front].mean(axis=1)
    assert (np.linalg.norm(middles - middle, axis=1) > 30).all(), "the look without paint"
    hands = find_hands(networks, frame, 2, 0.5)
    assert len(hands) == 2
    middles = hands.landmarks.extended_2d.mean(axis=1)
    assert np.linalg.norm(middles - middle, axis=1).min() < 12
    assert (np.diff(hands.landmarks.scores) <= 0).all(), "best first"


@pytest.mark.parametrize(
    ("start", "most", "grey", "count"),
    [
        (60, 1, False, 1),  # nothing is missing after the first look
        (60, 2, False, 1),
        (60, 4, False, 4),  # in grey, and around each of two hands
        (60, 4, True, 3),  # an image without colours has no look in grey
        (0, 4, False, 2),  # without a hand there is nothing to paint over
        (0, 4, True, 1),
    ],
)
def test_a_look_is_taken_only_where_it_can_find_something(
    networks: HandNetworks, start: int, most: int, grey: bool, count: int
) -> None:
    frame = frame_of(start)
    if grey:
        frame = Frame(in_grey(frame.image), frame.camera)
    before = frame.image.copy()
    hands = find_hands(networks, frame, most, 0.5)
    assert len(looks(networks)) == count
    assert len(hands) == (0 if start == 0 else min(most, 2))
    np.testing.assert_array_equal(frame.image, before)


def test_another_detector_sees_the_image_as_it_is() -> None:
    detector = ForeignDetector()
    estimator = HandPoseEstimator(device="cpu", detector=detector, max_hands=4)
    frame = frame_of(60)
    assert len(estimator.estimate(frame.image, frame.camera)) == 2
    assert detector.calls == 1


class WrittenAnswers(HandNetworks):
    """Networks that find in each look what is written down: poses (21, 2), left and right."""

    def __init__(self, *looks: list[np.ndarray]) -> None:
        super().__init__(Detector("cpu"), None)  # type: ignore[arg-type]
        self.looks = list(looks)
        self.poses: list[np.ndarray] = []

    def propose(self, frame: Frame) -> list[Detection]:
        found = self.looks.pop(0) if self.looks else []
        self.poses += found
        return [Detection(box_around(pose)) for pose in found]

    def propose_coarsely(self, frame: Frame, doubt=0.0, window=None) -> list[Detection]:
        return self.propose(frame)

    def resolve(self, frame: Frame, detections, again: bool) -> ResolvedHands:
        boxes = [detection.box for detection in detections]
        poses = np.array([p for p in self.poses if box_around(p) in boxes]).reshape(-1, 21, 2)
        n = len(poses)
        prediction = Prediction(
            uv=poses,
            depth=np.zeros((n, 21)),
            uv_covariance=np.tile(np.eye(2), (n, 21, 1, 1)),
            depth_variance=np.ones((n, 21)),
            confidence=np.ones((n, 21)),
            presence=np.linspace(0.9, 0.8, n),
            p_right=np.ones(n),
        )
        regions = [Region.from_keypoints(pose) for pose in poses]
        cameras = [VirtualCamera.from_region(frame.camera, r, 224) for r in regions]
        return ResolvedHands(Landmarks(regions, cameras, prediction, poses), np.ones(n))

    def refine(self, frame: Frame, hands: ResolvedHands, detections) -> ResolvedHands:
        return hands

    def show_hands(self, detections, landmarks, presence_threshold, doubt=0.0) -> np.ndarray:
        return np.ones(len(landmarks), dtype=bool)


FIRST = hand_at(200, 240)


@pytest.mark.parametrize(
    ("grey", "painted", "most", "added"),
    [
        ([hand_at(400, 240)], [], 4, 1),  # beside the first one
        ([hand_at(290, 240)], [], 4, 0),  # upon it: it was seen in colour
        ([hand_at(400, 240), hand_at(300, 80, 60)], [], 4, 2),
        ([hand_at(400, 240), hand_at(300, 80, 60)], [], 2, 1),
        ([], [hand_at(290, 240)], 4, 1),  # touches the first one
        ([], [hand_at(400, 240)], 4, 0),  # does not
        ([], [hand_at(280, 240, 110)], 4, 1),
        ([], [hand_at(250, 240, 80)], 4, 0),  # half as large as it
        ([], [fist(FIRST)], 4, 0),  # its own rim
        ([hand_at(400, 240)], [hand_at(490, 240)], 4, 2),  # touches the grey look's
    ],
)
def test_what_the_later_looks_add(
    grey: list[np.ndarray], painted: list[np.ndarray], most: int, added: int
) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[..., 0] = 200
    networks = WrittenAnswers([FIRST], grey, painted)
    hands = find_hands(networks, Frame(image, clip_camera()), most, 0.5)
    assert len(hands) == 1 + added
    nearest = np.abs(hands.landmarks.extended_2d - FIRST).max(axis=(1, 2)).min()
    assert nearest == 0.0, "what the first look found stays as it is"


def test_what_is_painted_is_the_hull_of_the_hands() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    seen: list[np.ndarray] = []

    class Watched(WrittenAnswers):
        def propose(self, frame: Frame) -> list[Detection]:
            seen.append(frame.image)
            return super().propose(frame)

    far = hand_at(5000, -70000, 160)  # a pose may lie anywhere
    find_hands(Watched([FIRST, far], []), Frame(image, clip_camera()), 4, 0.5)
    assert len(seen) == 2, "an image without colours has no look in grey"
    paint = seen[1].any(axis=-1)
    hull = cv2.contourArea(cv2.convexHull(FIRST.astype(np.float32)))
    assert 1.1 < paint.sum() / hull < 1.4
    inside = np.round(FIRST).astype(int)
    assert paint[inside[:, 1], inside[:, 0]].all()


def test_the_option_grey_follows_green_hands() -> None:
    green = gloved(frame_of(65))
    estimator = HandPoseEstimator(device="cpu")

    def followed(seconds: float) -> int:
        hands = estimator.track(green.image, green.camera, seconds)
        return sum(hand.state != "lost" for hand in hands)

    before = green.image.copy()
    in_colour = [followed(0.1 * i) for i in range(4)]
    estimator.reset()
    estimator.tune(grey=True)
    in_grey_images = [followed(1 + 0.1 * i) for i in range(4)]
    assert max(in_colour) < 2 and max(in_grey_images) == 2
    np.testing.assert_array_equal(green.image, before)
