"""The fault campaign's part over DDS: one live node takes them all, and goes on."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest
from campaign.node_faults import COMPRESSED_FAULTS, FAULTS, START_FAULTS
from conftest import (
    EXECUTABLE,
    HEIGHT,
    PATIENCE,
    WIDTH,
    Patience,
    Process,
    camera_info,
    rgb8,
)
from hand_pose_25d.msg import HandPose
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, RegionOfInterest
from std_srvs.srv import Trigger

from hand_pose_25d.ros.diagnostics import COMPLAINT_PERIOD

pytestmark = pytest.mark.campaign
BOX = (20, 10, 40, 44)
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
MOST_LINES = 3  # in the log, of a fault that comes several times: it is said once
ATTEMPTS = 20  # best effort: an image or its box may be lost


class Session:
    """A live node and what a test does with it."""

    def __init__(self, process, client, compressed: bool) -> None:
        self.process, self.client, self.compressed = process, client, compressed
        self.boxes = client.node.create_publisher(RegionOfInterest, "detections", 1)
        self.reference = self._hand()

    def box(self, box=BOX) -> None:
        x, y, w, h = box
        self.boxes.publish(RegionOfInterest(x_offset=x, y_offset=y, width=w, height=h))
        time.sleep(0.03)

    def put(self, **values):
        parameters = [Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        request = SetParameters.Request(parameters=parameters)
        return self.client.call(SetParameters, "hand_pose/set_parameters", request).results

    def good_image_is_right(self) -> None:
        np.testing.assert_allclose(self._hand(), self.reference, atol=1e-4)

    def _hand(self) -> np.ndarray:
        """Return the keypoints (21, 3), m, in the good image: no hand of the images before it."""
        for _ in range(ATTEMPTS):
            assert self.client.call(Trigger, "hand_pose/reset").success
            self.box()
            hands = self.client.ask(self._picture(), camera_info()).hands
            # A hand that is tracked comes from an image before: one of the fault's was on its way.
            detected = len(hands) == 1 and hands[0].tracking_state == HandPose.STATE_DETECTED
            if detected and hands[0].keypoints[0].z > 0:
                return np.array([(p.x, p.y, p.z) for p in hands[0].keypoints])
        raise AssertionError("no hand in the good image")

    def _picture(self):
        if not self.compressed:
            return rgb8(PICTURE)
        import cv2

        data = cv2.imencode(".png", PICTURE[:, :, ::-1])[1].tobytes()
        return CompressedImage(format="png", data=data)


def live(start, name: str, **parameters) -> Session:
    given = {"detections_type": "region_of_interest", "detections_max_age": 60.0}
    given |= {"calibration_images": 5, "calibration_timeout": 2.0, "redetect_interval": 0.0}
    process, client = start(name, **given, **parameters)
    return Session(process, client, parameters.get("image_transport") == "compressed")


@pytest.fixture(scope="module")
def raw_session(start):
    return live(start, "raw_faults")


@pytest.fixture(scope="module")
def compressed_session(start):
    return live(start, "compressed_faults", image_transport="compressed")


def endure(session: Session, fault) -> None:
    lines, began = session.process.count("\n"), time.monotonic()
    session.client.problems.clear()
    answer, times = fault.inject(session), itertools.count()
    if answer is not None:
        assert re.search(fault.says, answer), answer
    elif fault.says:  # once more where the diagnostics that said it did not come
        session.client.told(fault.says, lambda: next(times) and fault.inject(session))
    session.good_image_is_right()
    assert session.process.alive and "Traceback" not in session.process.text
    # rclpy says each transition, and what it says of one can come with the next.
    transitions = re.search("cleaned up|activated|while active|transition", fault.name)
    periods = int((time.monotonic() - began) / COMPLAINT_PERIOD)
    most = (20 if transitions else MOST_LINES) + 2 * periods
    assert session.process.count("\n") - lines <= most, session.process.text[-2000:]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_live_node(fault, raw_session):
    endure(raw_session, fault)


@pytest.mark.parametrize("fault", COMPRESSED_FAULTS, ids=lambda fault: fault.name)
def test_live_node_of_compressed_images(fault, compressed_session):
    endure(compressed_session, fault)


@pytest.mark.parametrize("fault", START_FAULTS, ids=lambda fault: fault.name)
def test_start(fault, tmp_path: Path, tiny_network):
    names = ["a: &a [x]\n"]
    for a, b in zip("abcdefghi", "bcdefghij", strict=True):
        names.append(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n")
    (tmp_path / "laughs.yaml").write_text("".join(names))
    data = bytearray(tiny_network.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped.onnx").write_bytes(data)
    wait = fault.says if fault.code is None else ""
    arguments = [str(EXECUTABLE), *fault.inject(tmp_path), "-r", "__ns:=/campaign_start"]
    process = Process(arguments, tmp_path / "log.txt", wait)
    if fault.code is None:
        assert process.alive
        assert process.stop()[0] == 0
    else:
        assert process.ended(Patience(2 * PATIENCE)) == fault.code, process.text
        said = [line for line in process.text.strip().splitlines() if "[rcl]" not in line]
        assert len(said) == 1, process.text
        assert re.search(fault.says, process.text)
    assert "Traceback" not in process.text
