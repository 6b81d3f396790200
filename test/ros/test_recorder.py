"""The node `recorder` as a process of its own, and the file that it leaves."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import rclpy
from conftest import EXECUTABLE, Process, rgb8, set_stamp, until
from sensor_msgs.msg import Image

from hand_pose_25d.ros.messages import HandPoseArray
from hand_pose_25d.ros.qos import output_qos

RECORDER = EXECUTABLE.with_name("recorder")


@pytest.fixture
def publishers():
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("publishers", namespace="recorder_test", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


# As rclpy of Humble has it: no callback is told when a message was published.
AS_HUMBLE = "import hand_pose_25d.ros.recorder as r; r.TELLS_TIMES = False; r.main()"


def start(folder: Path, *parameters: str, humble: bool = False) -> Process:
    settings = ["-p", f"output:={folder}/out.mcap", *(w for p in parameters for w in ("-p", p))]
    program = [sys.executable, "-c", AS_HUMBLE] if humble else [str(RECORDER)]
    command = [*program, "--ros-args", "-r", "__ns:=/recorder_test"]
    return Process([*command, *settings], folder / "log.txt", "")


def test_a_reliable_recorder_asks_for_images_when_it_hears_hands(publishers, tmp_path) -> None:
    recorder = start(tmp_path, "reliable:=true")
    images = publishers.create_publisher(Image, "image", output_qos())
    until(lambda: publishers.count_subscribers("hands"), why=recorder.text)
    time.sleep(1.0)
    assert not images.get_subscription_count()
    hands = publishers.create_publisher(HandPoseArray, "hands", output_qos())
    until(images.get_subscription_count, why=recorder.text)
    until(hands.get_subscription_count)
    time.sleep(0.5)  # as `source` waits: discovery has two directions
    image, answer = rgb8(), HandPoseArray()
    for stamp in (1.0, 1.1, 1.2):
        for header in (image.header, answer.header):
            set_stamp(header, stamp)
        images.publish(image)
        hands.publish(answer)
    time.sleep(0.5)
    code, _ = recorder.stop()
    assert code == 0
    assert "3 on hands, 3 on image/compressed" in recorder.text
    assert (tmp_path / "out.mcap").stat().st_size > 1000


@pytest.mark.parametrize("humble", [False, True])
def test_another_records_images_without_hands(publishers, tmp_path, humble) -> None:
    recorder = start(tmp_path, humble=humble)
    images = publishers.create_publisher(Image, "image", output_qos())
    until(images.get_subscription_count, why=recorder.text)
    time.sleep(0.5)
    image = rgb8()
    set_stamp(image.header, 1.0)
    images.publish(image)
    time.sleep(0.5)
    code, _ = recorder.stop()
    assert code == 0
    assert "1 on image/compressed" in recorder.text
