"""The estimator from image to metres, with hands of dots whose truth is known."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from dot_hands import DotDetector, DotNetwork, draw, make_hand

from hand_pose_25d import BoneLengthPrior, Camera, HandPose, HandPoseEstimator
from hand_pose_25d.inference.detector import Detector

CAMERA = Camera(600.0, 610.0, 322.0, 236.0, 640, 480)
WIDE = Camera(300.0, 300.0, 319.5, 239.5, 640, 480, (-0.25, 0.06, 0.001, -0.001, 0.0))
FISHEYE = Camera(280.0, 280.0, 319.5, 239.5, 640, 480, (0.02, -0.01, 0.0, 0.0), "equidistant")


def estimator(hands=(), camera=CAMERA, **options) -> HandPoseEstimator:
    options.setdefault("network", DotNetwork())
    options.setdefault("detector", DotDetector(list(hands), camera))
    # The dots' hands have the prior's mean lengths: a sharp prior brings back the truth.
    options.setdefault("bone_lengths", BoneLengthPrior.exact(BoneLengthPrior.default().mean))
    return HandPoseEstimator("cpu", **options)


def box_of(keypoints: np.ndarray, camera: Camera = CAMERA) -> tuple[float, float, float, float]:
    pixels = camera.project(keypoints)
    low, size = pixels.min(0), np.ptp(pixels, axis=0)
    return (float(low[0]), float(low[1]), float(size[0]), float(size[1]))


@pytest.mark.parametrize("right", [True, False], ids=["right", "left"])
@pytest.mark.parametrize(
    ("camera", "wrist", "roll"),
    [
        (CAMERA, (0.0, 0.05, 0.5), 0.0),
        (CAMERA, (0.12, 0.12, 0.5), 0.4),
        (CAMERA, (-0.15, -0.05, 0.6), 2.5),
        (CAMERA, (0.05, -0.1, 0.45), np.pi),
        (CAMERA, (0.2, 0.1, 0.7), -1.4),
        (WIDE, (-0.25, 0.1, 0.35), -0.5),
        (FISHEYE, (0.25, -0.05, 0.3), 1.0),
    ],
)
def test_estimate_finds_the_true_metres(camera, wrist, roll, right):
    truth = make_hand(wrist, right, roll)
    image = draw([truth], camera, radius=3.0)
    (hand,) = estimator([truth], camera).estimate(image, camera)
    assert hand.handedness == ("right" if right else "left")
    assert hand.handedness_score > 0.95 and hand.score > 0.95
    np.testing.assert_allclose(hand.keypoints_2d, camera.project(truth), atol=1.5)
    distance = np.linalg.norm(truth[0])
    # What remains are whole pixels and depths in steps of 1.5 mm.
    assert np.linalg.norm(hand.keypoints - truth, axis=1).max() < 0.03 * distance
    reference = np.linalg.norm(truth[5] - truth[0])
    assert hand.scale == pytest.approx(reference, rel=0.01)


def test_result_has_the_documented_shapes_and_types():
    truth = make_hand()
    (hand,) = estimator([truth]).estimate(draw([truth], CAMERA), CAMERA)
    assert isinstance(hand, HandPose)
    shapes = {
        "keypoints": (21, 3), "covariance": (21, 3, 3), "keypoints_2d": (21, 2),
        "relative_depth": (21,), "confidence": (21,),
    }  # fmt: skip
    for name, shape in shapes.items():
        value = getattr(hand, name)
        assert value.shape == shape and value.dtype == np.float64, name
    assert np.linalg.eigvalsh(hand.covariance).min() > 0
    assert (hand.track_id, hand.state, hand.scale_source) == (0, "detected", "configured")
    x, y, w, h = hand.box
    pixels = CAMERA.project(truth)
    np.testing.assert_allclose((x, y), pixels.min(0), atol=1.5)
    np.testing.assert_allclose((x + w, y + h), pixels.max(0), atol=1.5)


def test_boxes_are_answered_in_their_order_without_the_detector():
    left = make_hand((-0.08, 0.08, 0.6), False, -1.2)
    right = make_hand((0.08, 0.08, 0.6), True, 1.2)
    image = draw([left, right], CAMERA)
    network = DotNetwork()
    e = estimator([left, right], network=network, max_hands=1)
    hands = e.estimate(image, CAMERA, boxes=[box_of(right), box_of(left), (5, 5, 40, 40)])
    assert [h.handedness for h in hands[:2]] == ["right", "left"]
    assert [h.score > 0.5 for h in hands] == [True, True, False]
    for hand, truth in zip(hands, (right, left), strict=False):
        np.testing.assert_allclose(hand.keypoints_2d, CAMERA.project(truth), atol=1.5)
    assert e._networks.detector.calls == 0
    # A batch of four quarter turns, mirrored and not, for all hands; one of each hand's best two.
    assert network.passes == [3 * 8, 3 * 4]


def test_boxes_need_not_be_tight():
    truth = make_hand((0.05, 0.0, 0.5), roll=1.1)
    x, y, w, h = box_of(truth)
    for grow in (0.85, 1.0, 1.4):
        box = (x + w * (1 - grow) / 2, y + h * (1 - grow) / 2, w * grow, h * grow)
        (hand,) = estimator().estimate(draw([truth], CAMERA), CAMERA, boxes=[box])
        np.testing.assert_allclose(hand.keypoints_2d, CAMERA.project(truth), atol=1.5)


def test_estimate_leaves_out_what_is_no_hand_and_reports_each_hand_once():
    truth = make_hand()
    image = draw([truth], CAMERA)
    detector = DotDetector([truth, truth, make_hand((-0.2, -0.1, 0.6))], CAMERA)
    e = estimator(detector=detector, max_hands=4)
    assert len(e.estimate(image, CAMERA)) == 1
    assert e.estimate(np.zeros_like(image), CAMERA) == []
    two = [make_hand((-0.15, 0.05, 0.5), False), make_hand((0.12, 0.05, 0.5), True)]
    image = draw(two, CAMERA)
    assert len(estimator(two).estimate(image, CAMERA)) == 2
    assert len(estimator(two, max_hands=1).estimate(image, CAMERA)) == 1


def test_track_keeps_ids_and_looks_once_at_all_hands():
    network = DotNetwork()
    detector = DotDetector([], CAMERA)
    e = estimator(network=network, detector=detector)
    ids = []
    for i in range(12):
        hands = [
            make_hand((-0.2 + 0.005 * i, 0.05, 0.6), False),
            make_hand((0.16, 0.05 - 0.004 * i, 0.6), True, 0.03 * i),
        ]
        detector.hands = hands
        found = e.track(draw(hands, CAMERA), CAMERA, i / 30)
        by_side = {h.handedness: h for h in found}
        if i == 0:  # bare boxes: the search for one of them is this image's share
            assert len(found) == 1
            continue
        assert set(by_side) == {"left", "right"}
        for truth, side in zip(hands, ("left", "right"), strict=True):
            error = np.linalg.norm(by_side[side].keypoints - truth, axis=1).max()
            assert error < 0.02
        ids.append((by_side["left"].track_id, by_side["right"].track_id))
        assert {h.state for h in found} == ({"detected", "tracked"} if i == 1 else {"tracked"})
    assert set(ids) == {ids[0]} and ids[0][0] != ids[0][1] and min(ids[0]) >= 1
    assert detector.calls == 1
    # The first images search direction and side of a box each; then one pass for both hands.
    assert network.passes == [8, 4, 1, 8, 4, 2] + [2] * 10


def test_track_says_lost_then_nothing_and_resumes():
    truth = make_hand()
    image, empty = draw([truth], CAMERA), np.zeros((480, 640, 3), dtype=np.uint8)
    e = estimator([truth])
    (first,) = e.track(image, CAMERA, 0.0)
    states = []
    for i in range(1, 5):
        hands = e.track(empty, CAMERA, i / 30)
        states.append([h.state for h in hands])
        for hand in hands:
            assert hand.track_id == first.track_id and np.isnan(hand.keypoints).all()
            assert np.isfinite(hand.box).all()
    assert states == [["lost"], ["lost"], [], []]
    (again,) = e.track(image, CAMERA, 5 / 30)
    assert again.state == "detected" and np.isfinite(again.keypoints).all()


@pytest.mark.parametrize("given", [False, True])
def test_a_hand_that_jumps_is_found_in_the_same_image(given: bool):
    """The detector (or the caller's boxes) is asked once more where the pose network misses."""
    before, after = make_hand((-0.1, 0.05, 0.6)), make_hand((0.15, 0.05, 0.6))
    detector = DotDetector([before], CAMERA)
    e = estimator(detector=detector, max_hands=1)
    ids = []
    for i, truth in enumerate([before, before, after, after]):
        detector.hands = [truth]
        boxes = [box_of(truth)] if given else None
        hands = e.track(draw([truth], CAMERA), CAMERA, i / 30, boxes)
        (hand,) = (h for h in hands if h.state != "lost")
        assert len(hands) == (2 if i == 2 else 1)  # too far away to be the one that is lost
        assert hand.state == ("detected" if i in (0, 2) else "tracked")
        assert np.linalg.norm(hand.keypoints - truth, axis=1).max() < 0.02
        ids.append(hand.track_id)
    assert ids == [1, 1, 2, 2]
    assert detector.calls == (0 if given else 3)  # after a miss it is asked once more


def test_track_takes_boxes_instead_of_the_detector():
    truth = make_hand(roll=0.7)
    e = estimator([truth])
    (hand,) = e.track(draw([truth], CAMERA), CAMERA, 0.0, boxes=[box_of(truth)])
    assert np.linalg.norm(hand.keypoints - truth, axis=1).max() < 0.02
    assert e._networks.detector.calls == 0


def test_another_image_size_and_a_stamp_that_goes_back_reset_the_tracker():
    truth = make_hand()
    half = CAMERA.scaled(0.5)
    e = estimator([truth])
    (a,) = e.track(draw([truth], CAMERA), CAMERA, 1.0)
    e._networks.detector.camera = half
    (b,) = e.track(draw([truth], half, 2.0), half, 1.1)
    (c,) = e.track(draw([truth], half, 2.0), half, 0.5)
    assert a.track_id < b.track_id < c.track_id
    assert {h.state for h in (a, b, c)} == {"detected"}


def test_same_images_same_numbers():
    truth = make_hand(roll=0.3)
    images = [draw([truth + [0.004 * i, 0, 0]], CAMERA) for i in range(4)]
    runs = [
        [estimator_.track(image, CAMERA, i / 30)[0] for i, image in enumerate(images)]
        for estimator_ in (estimator([truth]), estimator([truth]))
    ]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.covariance, b.covariance)


def test_threads_share_one_estimator():
    hands = [make_hand((0.02 * i - 0.05, 0.05, 0.5), roll=0.2 * i) for i in range(6)]
    images = [draw([hand], CAMERA) for hand in hands]
    e = estimator()
    at_once, most, lock = 0, 0, threading.Lock()
    network_call = e._networks.pose_network.backend.run

    def raw(crops):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return network_call(crops)
        finally:
            with lock:
                at_once -= 1

    e._networks.pose_network.backend.run = raw

    def work(i):
        return e.estimate(images[i], CAMERA, boxes=[box_of(hands[i])])[0]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(6)))
    for hand, truth in zip(found, hands, strict=True):
        np.testing.assert_allclose(hand.keypoints_2d, CAMERA.project(truth), atol=1.5)
    assert most == 1


def test_hand_scale_moves_the_hand_along_its_ray():
    truth = make_hand((0.05, 0.05, 0.5))
    image = draw([truth], CAMERA)
    e = estimator([truth], bone_lengths=None)
    (average,) = e.estimate(image, CAMERA)
    assert (e.hand_scale, e.scale_source, average.scale_source) == (None, "prior", "prior")
    e.set_hand_scale(1.1)
    (large,) = e.estimate(image, CAMERA)
    assert (e.hand_scale, large.scale_source) == (1.1, "calibrated")
    np.testing.assert_allclose(large.keypoints[0] / average.keypoints[0], 1.1, atol=0.05)
    # Knowing the size makes the depth surer.
    assert large.covariance[0, 2, 2] < average.covariance[0, 2, 2]
    e.reset()
    assert e.hand_scale == 1.1
    e.set_hand_scale(None)
    (back,) = e.estimate(image, CAMERA)
    np.testing.assert_array_equal(back.keypoints, average.keypoints)
    (given,) = estimator([truth], bone_lengths=None, hand_scale=1.1).estimate(image, CAMERA)
    assert given.scale_source == "configured"
    np.testing.assert_array_equal(given.keypoints, large.keypoints)


def test_methods_differ_and_agree():
    truth = make_hand()
    image = draw([truth], CAMERA)
    (a,) = estimator([truth]).estimate(image, CAMERA)
    (b,) = estimator([truth], method="closed_form").estimate(image, CAMERA)
    assert not np.array_equal(a.keypoints, b.keypoints)
    np.testing.assert_allclose(a.keypoints, b.keypoints, atol=0.06)


def test_tune_changes_all_or_nothing():
    truth = make_hand()
    e = estimator([truth])
    e.tune(presence_threshold=0.999)
    assert e.estimate(draw([truth], CAMERA), CAMERA) == []
    for wrong in ({"presence_threshold": 1.0}, {"redetect_interval": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            e.tune(**{"presence_threshold": 0.5, **wrong})
    assert e.estimate(draw([truth], CAMERA), CAMERA) == []
    e.tune(presence_threshold=0.5, redetect_interval=0.2)
    assert len(e.estimate(draw([truth], CAMERA), CAMERA)) == 1


def test_the_detectors_threshold_can_be_given_and_tuned():
    detector = Detector("cpu")
    e = estimator(detector=detector, detector_threshold=0.4)
    assert detector.threshold == 0.4
    e.tune(detector_threshold=0.6)
    assert detector.threshold == 0.6
    for wrong in (0.0, 1.0, float("nan"), True):
        with pytest.raises(ValueError, match="detector_threshold"):
            e.tune(detector_threshold=wrong, presence_threshold=0.9)
    assert detector.threshold == 0.6
    with pytest.raises(ValueError, match="own detector"):
        estimator(detector_threshold=0.4)  # its detector is another's


def test_timings_name_the_parts():
    truth = make_hand()
    e = estimator([truth])
    e.estimate(draw([truth], CAMERA), CAMERA)
    assert set(e.timings) == {"detect", "landmarks", "solve"}
    assert all(seconds > 0 for seconds in e.timings.values())


IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("image", "camera", "boxes", "error", "message"),
    [
        ([[1]], CAMERA, None, TypeError, "numpy array"),
        (IMAGE, None, None, TypeError, "hand_pose_25d.Camera"),
        (IMAGE[..., 0], CAMERA, None, ValueError, r"\(480, 640\)"),
        (IMAGE.astype(np.float32), CAMERA, None, ValueError, "float32"),
        (np.zeros((480, 640, 4), np.uint8), CAMERA, None, ValueError, r"\(H, W, 3\)"),
        (IMAGE[:0], CAMERA, None, ValueError, "not empty"),
        (IMAGE[:240], CAMERA, None, ValueError, "640 x 240 px.*640 x 480"),
        (IMAGE, CAMERA, [(1, 2, 3)], ValueError, r"boxes\[0\] must be numbers \(x, y, w, h\)"),
        (IMAGE, CAMERA, [(1, 2, 30, 40), (1, 2, 0, 4)], ValueError, r"boxes\[1\].*above 0"),
        (IMAGE, CAMERA, [(1, 2, np.nan, 4)], ValueError, "finite"),
        (IMAGE, CAMERA, [(640, 2, 30, 30)], ValueError, "outside the image of 640 x 480"),
        (IMAGE, CAMERA, ["abcd"], ValueError, r"boxes\[0\]"),
    ],
)
def test_wrong_input_is_named(image, camera, boxes, error, message):
    e = estimator()
    with pytest.raises(error, match=message):
        e.estimate(image, camera, boxes=boxes)
    with pytest.raises(error, match=message):
        e.track(image, camera, 0.0, boxes=boxes)


def test_no_boxes_no_hands():
    assert estimator().estimate(IMAGE, CAMERA, boxes=[]) == []


def test_a_stamp_must_be_finite():
    with pytest.raises(ValueError, match="stamp"):
        estimator().track(IMAGE, CAMERA, float("nan"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_hands": 0}, ValueError, "max_hands"),
        ({"hand_scale": 3.0}, ValueError, "scale"),
        ({"method": "magic"}, ValueError, "method must be one of map, closed_form, got .magic."),
        ({"presence_threshold": 1.5}, ValueError, "presence_threshold"),
        ({"redetect_interval": -1}, ValueError, "redetect_interval"),
        ({"detector": 7}, TypeError, "detect"),
        ({"detector": "nowhere.safetensors"}, FileNotFoundError, "nowhere"),
        ({"network": "nowhere"}, FileNotFoundError, "nowhere"),
        ({"weights": "nowhere.onnx"}, FileNotFoundError, "nowhere"),
        ({"network": 3}, ValueError, "input_size"),
        ({"bone_lengths": "nowhere.yaml"}, FileNotFoundError, "nowhere"),
        ({"backend": "caffe"}, ValueError, "onnxruntime"),
        ({"precision": "int4"}, ValueError, "bfloat16"),
        ({"threads": -1}, ValueError, "threads"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        estimator(**options)


def test_an_unknown_device_is_named():
    with pytest.raises(ValueError, match="auto, cpu, cuda or cuda:N"):
        HandPoseEstimator("tpu", network=DotNetwork(), detector=DotDetector([], CAMERA))


def test_smoothing_calms_a_still_hand_and_can_be_switched():
    truth = make_hand((0.0, 0.05, 0.5))
    rng = np.random.default_rng(2)
    images = [draw([truth + rng.normal(0, 0.001, (21, 3))], CAMERA) for _ in range(100)]

    def jitter(e):
        seen = [e.track(image, CAMERA, i / 30)[0].keypoints for i, image in enumerate(images)]
        return np.linalg.norm(np.diff(seen[60:], axis=0), axis=-1).mean()

    rough, smooth = estimator([truth]), estimator([truth], smoothing=True)
    assert jitter(smooth) < 0.6 * jitter(rough)
    smooth.reset()
    smooth.tune(smoothing=False)
    np.testing.assert_array_equal(jitter(smooth), jitter(estimator([truth])))
    with pytest.raises(TypeError, match="MotionParameters"):
        smooth.tune(smoothing="a lot")
