"""Images that DDS loses: counted against CameraInfo messages, with what mends it."""

from __future__ import annotations

import pytest

from hand_pose_25d.ros.losses import Losses
from hand_pose_25d.ros.transport import profile_variable, remedy


class Camera:
    """Sends CameraInfo and image of a time, on a clock of its own, at 30 Hz."""

    def __init__(self) -> None:
        self.now = 0.0
        self.losses = Losses(clock=lambda: self.now)
        self._stamp = 0

    def send(self, image: bool = True, info: bool = True, frame: str = "cam", apart: int = 0):
        self._stamp += 1
        if info:
            self.losses.info((self._stamp, 0), frame)
        if image:
            self.losses.image((self._stamp, apart))
        self.now += 1 / 30

    def said(self) -> str:
        """Return the complaint once everything that may still come has had its time."""
        self.now += 1.1
        return self.losses.complaint()


def test_every_image_that_does_not_come_is_counted_once():
    camera = Camera()
    for k in range(90):
        camera.send(image=k % 3 == 0)
    assert camera.said().startswith("60 of 90 images of the last 10 s were lost before they")
    assert camera.losses.lost == 60
    assert camera.said() == "" and camera.losses.lost == 60, "nothing new: nothing said"


@pytest.mark.parametrize(
    ("given", "lost"),
    [
        ([{}] * 90, 0),
        ([{}] * 88 + [{"image": False}] * 2, 2),
        ([{}] + [{"info": False}] * 30, 0),
        ([{"apart": 5}] * 90, 0),
        ([{"image": False}] * 30 + [{}] * 60, 0),
        ([{}, {"image": False, "frame": "other camera"}] * 45, 0),
    ],
    ids=[
        "all come",
        "single ones",
        "infos lost",
        "other stamps",
        "before the first",
        "two cameras",
    ],
)
def test_what_is_no_complaint(given, lost):
    camera = Camera()
    for arguments in given:
        camera.send(**arguments)
    assert camera.said() == ""
    assert camera.losses.lost == lost


def test_an_image_may_come_late_and_before_its_camera_info():
    camera = Camera()
    camera.send()
    camera.losses.info((9, 1), "cam")
    camera.now += 0.9
    assert camera.losses.complaint() == ""
    camera.losses.image((9, 1))
    camera.losses.image((9, 2))
    camera.losses.info((9, 2), "cam")
    assert camera.said() == "" and camera.losses.lost == 0


def test_memory_is_bounded():
    camera = Camera()
    camera.send()
    for _ in range(5000):
        camera.send(image=False)
    assert len(camera.losses._waiting) <= 1000
    assert camera.said()
    assert camera.losses.lost == 1000


@pytest.mark.parametrize(
    ("rmw", "words"),
    [
        ("rmw_fastrtps_cpp", ("_DEFAULT_PROFILES_FILE=", "config/fastdds.xml")),
        ("rmw_cyclonedds_cpp", ("net.core.rmem_max", "SocketReceiveBufferSize")),
        ("rmw_zenoh_cpp", ("rmw_zenoh_cpp",)),
    ],
)
def test_the_remedy_is_that_of_the_middleware(rmw, words):
    text = remedy(rmw)
    assert all(word in text for word in (*words, "image_transport:=compressed"))


@pytest.mark.parametrize(
    ("distro", "name"),
    [("humble", "FASTRTPS"), ("jazzy", "FASTRTPS"), ("kilted", "FASTDDS"), ("", "FASTDDS")],
)
def test_the_variable_is_that_of_the_distribution(distro, name):
    assert profile_variable(distro) == f"{name}_DEFAULT_PROFILES_FILE"
