"""The node `recorder` as a process of its own, and the file that it leaves."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from conftest import EXECUTABLE, PATIENCE, Client, Process, rgb8, set_stamp, until
from rcl_interfaces.srv import GetParameters
from rclpy.duration import Duration

from hand_pose_25d.ros.messages import HandPoseArray
from hand_pose_25d.ros.qos import output_qos

RECORDER = EXECUTABLE.with_name("recorder")


# As rclpy of Humble has it: no callback is told when a message was published.
AS_HUMBLE = "import hand_pose_25d.ros.recorder as r; r.TELLS_TIMES = False; r.main()"


def start(folder: Path, *parameters: str, humble: bool = False) -> Process:
    settings = ["-p", f"output:={folder}/out.mcap", *(w for p in parameters for w in ("-p", p))]
    program = [sys.executable, "-c", AS_HUMBLE] if humble else [str(RECORDER)]
    command = [*program, "--ros-args", "-r", "__ns:=/recorder_test"]
    return Process([*command, *settings], folder / "log.txt", "")


def asked(client: Client, times: int = 20) -> None:
    """Ask the recorder something: in between it takes a message of each topic, if one waits."""
    for _ in range(times):
        client.call(GetParameters, "recorder/get_parameters")


@pytest.fixture
def connect(context):
    """Return connect(recorder): a client in its namespace."""
    clients = []

    def make(recorder: Process) -> Client:
        clients.append(Client(context, "/recorder_test", recorder, reliable=True))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_a_reliable_recorder_asks_for_images_when_it_hears_hands(connect, tmp_path) -> None:
    recorder = start(tmp_path, "reliable:=true")
    client = connect(recorder)
    until(lambda: client.node.count_subscribers("hands") == 2, why=recorder.text)
    time.sleep(1.0)
    assert not client.images.get_subscription_count()
    hands = client.node.create_publisher(HandPoseArray, "hands", output_qos())
    until(client.images.get_subscription_count, why=recorder.text)
    until(lambda: hands.get_subscription_count() == 2)
    image, answer = rgb8(), HandPoseArray()
    for stamp in (1.0, 1.1, 1.2):
        set_stamp(answer.header, stamp)
        client.send(image, info=None, stamp=stamp)
        hands.publish(answer)
    for publisher in (client.images, hands):
        assert publisher.wait_for_all_acked(Duration(seconds=PATIENCE))
    asked(client)
    code, _ = recorder.stop()
    assert code == 0
    assert "3 on hands, 3 on image/compressed" in recorder.text
    assert (tmp_path / "out.mcap").stat().st_size > 1000


@pytest.mark.parametrize("humble", [False, True])
def test_another_records_images_without_hands(connect, tmp_path, humble) -> None:
    recorder = start(tmp_path, humble=humble)
    client = connect(recorder)
    until(client.images.get_subscription_count, why=recorder.text)
    for _ in range(20):  # the first may come before the recorder knows of their publisher
        client.send(rgb8(), info=None)
        asked(client, 5)
    code, _ = recorder.stop()
    assert code == 0
    (count,) = re.findall(r"(\d+) on image/compressed", recorder.text)
    assert 1 <= int(count) <= 20 and "on hands" not in recorder.text
