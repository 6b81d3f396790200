"""The built node as a process of its own, and a client that talks to it over DDS.

A test run has a domain of its own and stays on this machine; every node has its own namespace.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hands_2d import OPEN_HAND

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"

try:
    import rclpy
    from ament_index_python.packages import get_package_prefix
    from diagnostic_msgs.msg import DiagnosticArray
    from lifecycle_msgs.srv import ChangeState
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.qos import QoSProfile, QoSReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image

    from hand_pose_25d.ros.messages import HandPoseArray  # finds it beside a checkout, too

    EXECUTABLE = Path(get_package_prefix("hand_pose_25d"), "lib/hand_pose_25d/hand_pose")
    MISSING = "" if EXECUTABLE.exists() else f"{EXECUTABLE} is not built"
except ImportError as error:
    MISSING = str(error)
except LookupError as error:  # the ament index does not have the package
    MISSING = str(error)

collect_ignore_glob = ["test_*.py"] if MISSING else []
WIDTH, HEIGHT = 96, 64
PATIENCE = 120.0  # seconds; generous, for machines that are busy with other things
AGAIN = 10.0  # seconds after which an image that is not answered is sent anew: it may be lost
NO_TRANSITION = 99
SENT, HEARD = 10, 50  # messages that DDS keeps for a client: its images, and the hands
ATTEMPTS = 20  # that a service is asked, within the time for its answer


def pytest_collection_modifyitems(config, items):
    if MISSING:
        config.issue_config_time_warning(
            pytest.PytestWarning(
                f"test/ros is skipped: {MISSING}. Run setup.sh, source install/local_setup.bash"
            ),
            2,
        )


class Patience:
    """Time to wait for something, in which this process runs: a machine may stand still for it."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._seconds, self._last = seconds, time.monotonic()
        self.spent = 0.0
        """Seconds so far."""

    def over(self) -> bool:
        """Whether it is over; to be asked every half a second at least."""
        now = time.monotonic()
        self.spent += min(now - self._last, 0.5)
        self._last = now
        return self.spent >= self._seconds


def until(condition: Callable[[], object], timeout: float = PATIENCE, why: str = "") -> object:
    """Wait until something holds and return it; fail the test where it does not in time."""
    patience = Patience(timeout)
    while not (value := condition()):
        assert not patience.over(), why or "timed out"
        time.sleep(0.01)
    return value


PROCESSES: list[Process] = []
"""All that were started; those that a failed test has left are ended at the end."""


def within(seconds: float) -> float:
    """Return a limit of so many seconds, more where the machine is slow at the moment.

    The measure is a start of Python with OpenCV, about half a second where nothing else runs.
    """
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import cv2, numpy, yaml"], check=True)
    return seconds * max(1.0, 4 * (time.monotonic() - started))


class Process:
    """A node's process and what it wrote."""

    def __init__(self, arguments: list[str], log: Path, wait: str) -> None:
        self.log = log
        self._file = log.open("w")
        PROCESSES.append(self)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "RCUTILS_COLORIZED_OUTPUT": "0"}
        self.process = subprocess.Popen(
            arguments, stdout=self._file, stderr=subprocess.STDOUT, env=environment, cwd=log.parent
        )
        if wait:
            self.wait_for(wait)

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: str, timeout: float = 2 * PATIENCE) -> None:
        """Wait until the output has the pattern."""
        until(
            lambda: re.search(pattern, self.text) or self.process.poll() is not None,
            timeout,
            f"{pattern!r} not in:\n{self.text}",
        )
        assert re.search(pattern, self.text), f"ended without {pattern!r}:\n{self.text}"

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.text))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def handles(self, number: int) -> bool:
        """Whether the process has a handler for a signal."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return bool(int(re.search(r"SigCgt:\s+(\w+)", status)[1], 16) >> (number - 1) & 1)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Send a signal; return exit code and seconds until the end, as `Patience` counts them."""
        if self.alive:
            self.process.send_signal(number)
        patience = Patience()
        code = self.ended(patience)
        self._file.close()
        return code, patience.spent

    def ended(self, patience: Patience) -> int:
        """Wait for the end and return the exit code; end it by force where it does not in time."""
        while self.alive and not patience.over():
            time.sleep(0.01)
        if self.alive:
            self.process.kill()
        return self.process.wait()


class Client:
    """A node of the test's own in the namespace of the node that is tested."""

    def __init__(self, context, namespace: str, process: Process, reliable: bool = False) -> None:
        self.process = process
        self._services: dict[str, object] = {}
        self.node = rclpy.create_node("client", namespace=namespace, context=context)
        qos = QoSProfile(
            depth=SENT,
            reliability=QoSReliabilityPolicy.RELIABLE
            if reliable
            else QoSReliabilityPolicy.BEST_EFFORT,
        )
        self.images = self.node.create_publisher(Image, "image", qos)
        self.compressed = self.node.create_publisher(CompressedImage, "image/compressed", qos)
        self.infos = self.node.create_publisher(CameraInfo, "camera_info", qos)
        self.problems: list[str] = []
        """Messages of the node's diagnostics other than OK; faults of one kind are logged once."""
        self.values: dict[str, str] = {}
        """Of the node's last diagnostics."""
        self.diagnosed: list[float] = []
        """When diagnostics came, by a monotonic clock."""
        self.hardware = ""
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.arrays: list[HandPoseArray] = []
        self.node.create_subscription(HandPoseArray, "hands", self.arrays.append, HEARD)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)
        self.failures: list[Exception] = []
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()
        self._next = 100.0

    def _spin(self) -> None:
        while True:
            try:
                return self.executor.spin()
            except ExternalShutdownException:
                return
            except Exception as error:  # of a test's callback, which must not go unheard
                self.failures.append(error)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        name = f"{self.node.get_namespace()[1:]}/hand_pose: hands"
        for status in message.status:
            if status.name == name:
                self.diagnosed.append(time.monotonic())
                self.hardware = status.hardware_id
                self.values = {entry.key: entry.value for entry in status.values}
                if status.message != "OK":
                    self.problems.append(status.message)

    def number(self, key: str) -> float:
        """Return a number of the last diagnostics; 0 where there is none."""
        return float(self.values.get(key, "0"))

    def told(self, words: str, again: Callable[[], object]) -> None:
        """Do something until the diagnostics have the pattern: they show it for a while only."""
        for _ in range(int(PATIENCE / 3)):
            again()
            soon = Patience(3.0)
            while not soon.over():
                if any(re.search(words, problem) for problem in self.problems):
                    return
                time.sleep(0.01)
        raise AssertionError(f"{words!r} not in {self.problems}")

    def connected(self) -> Client:
        """Wait until an image is answered: DDS finds the two directions one after the other."""
        patience = Patience(2 * PATIENCE)
        while not self.arrays:
            assert not patience.over(), "no image was answered"
            self.send(self._black())
            time.sleep(0.1)
        self.ask(self._black())  # answered after all those before
        self.arrays.clear()
        return self

    def _black(self):
        """Make an image of the kind that the node listens to."""
        if not self.compressed.get_subscription_count():
            return rgb8()
        data = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
        return CompressedImage(format="png", data=data)

    def stamp(self) -> float:
        """Return a new stamp, 1/30 s after the last."""
        self._next += 1 / 30
        return self._next

    def send(self, image, info=True, stamp: float | None = None):
        """Publish an image, its CameraInfo (True: a fitting one; None: none) before it."""
        stamp = self.stamp() if stamp is None else stamp
        set_stamp(image.header, stamp)
        if info is True:
            info = camera_info(
                getattr(image, "width", WIDTH) or WIDTH, getattr(image, "height", HEIGHT) or HEIGHT
            )
        if info is not None:
            set_stamp(info.header, stamp)
            published(self.infos, info)
            time.sleep(0.02)  # two topics: their order is not guaranteed
        published(self.compressed if isinstance(image, CompressedImage) else self.images, image)
        return image.header

    def answer(self, header) -> HandPoseArray | None:
        """Return the hands of the image with this header, if they have come."""
        return next((a for a in self.arrays if a.header.stamp == header.stamp), None)

    def ask(self, image=None, info=True, stamp: float | None = None) -> HandPoseArray:
        """Publish an image and wait for its hands; again, with its stamp, where it was lost."""
        image = rgb8() if image is None else image
        stamp = self.stamp() if stamp is None else stamp
        for _ in range(int(PATIENCE / AGAIN)):
            header = self.send(image, info, stamp)
            soon = Patience(AGAIN)
            while not soon.over():
                if answer := self.answer(header):
                    return answer
                time.sleep(0.002)
        raise AssertionError(f"no hands for {image.header}; {self.process.text}")

    def call(self, kind, name: str, request=None, timeout: float = 2 * PATIENCE):
        """Call a service and return its response.

        An answer is lost where the service does not know of the client's reader yet, though the
        client sees the service as ready (ros2/rmw_fastrtps#842).  So it is asked again, by the
        same client.  A transition cannot be asked for twice: one that there is not goes before.
        """
        if name not in self._services:
            self._services[name] = self.node.create_client(kind, name)
            if kind is ChangeState:
                none = ChangeState.Request()
                none.transition.id = NO_TRANSITION
                assert not self.call(kind, name, none, timeout).success
        client = self._services[name]
        until(client.service_is_ready, why=f"no service {name}")
        attempts = ATTEMPTS
        if kind is ChangeState and request.transition.id != NO_TRANSITION:
            attempts = 1
        for _ in range(attempts):
            future = client.call_async(kind.Request() if request is None else request)
            answered = threading.Event()
            future.add_done_callback(lambda _, answered=answered: answered.set())
            patience = Patience(timeout / attempts)
            while not (answered.wait(0.5) or patience.over()):
                pass
            if answered.is_set():
                return future.result()
            client.remove_pending_request(future)
        raise AssertionError(f"{name} did not answer; the node wrote:\n{self.process.text}")

    def close(self) -> None:
        self.executor.shutdown(timeout_sec=1)
        self.thread.join(2)
        self.node.destroy_node()
        if self.failures:
            raise self.failures[0]


def published(publisher, message) -> None:
    """Publish; again where DDS has had no time for it, as on a machine that stood still."""
    for _ in range(ATTEMPTS):
        try:
            return publisher.publish(message)
        except RuntimeError as error:  # RCLError
            failure = error
            time.sleep(0.1)
    raise failure


def stamp_of(message) -> tuple[int, int]:
    """Return seconds and nanoseconds of a message, which another use of it does not change."""
    return message.header.stamp.sec, message.header.stamp.nanosec


def set_stamp(header, seconds: float) -> None:
    nanoseconds = round(seconds * 1e9)
    header.stamp.sec, header.stamp.nanosec = divmod(nanoseconds, 1_000_000_000)
    header.frame_id = header.frame_id or "camera_optical"


def camera_info(width: int = WIDTH, height: int = HEIGHT, focal: float = 0.0):
    """Make a CameraInfo; without a focal length, one of some 53 degrees."""
    focal = focal or 100.0 * max(width, height) / WIDTH
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, width / 2, 0.0, 0.0, focal, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def raw(encoding: str, width: int, height: int, step: int, data: bytes | None = None):
    """Make an Image; without data, as many zeros as step and height say."""
    message = Image(encoding=encoding, width=width, height=height, step=step)
    message.data = data if data is not None else bytes(step * height)
    return message


def rgb8(pixels: np.ndarray | None = None):
    """Make an rgb8 Image of (H, W, 3) pixels; default: a black one."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if pixels is None else pixels
    height, width = pixels.shape[:2]
    return raw("rgb8", width, height, 3 * width, pixels.tobytes())


@pytest.fixture(scope="session")
def tiny_network(tmp_path_factory) -> Path:
    """A small untrained pose network, as a graph, that takes everything for a hand."""
    import torch

    from hand_pose_25d.inference.export import export_network
    from hand_pose_25d.networks.weights import build_network

    config = {
        "formulation": "latent", "backbone": "mbconv", "input_size": 32, "width": 8,
        "expansions": [8] * 14, "last_width": 8,
    }  # fmt: skip
    torch.manual_seed(3)
    network = build_network(config)
    with torch.no_grad():
        # Always the same flat hand: untrained maps add nothing to the initial regression.
        network.backbone.guide.weight.zero_()
        pose = torch.zeros(21, 3)
        pose[:, :2] = torch.from_numpy(OPEN_HAND) + torch.tensor([112.0, 190.0])
        network.backbone.guide.bias.copy_(pose.flatten())
        network.backbone.presence.weight.zero_()
        network.backbone.presence.bias.fill_(4)
    path = tmp_path_factory.mktemp("weights") / "tiny.onnx"
    export_network(network, path, "onnx")
    return path


@pytest.fixture(scope="session", autouse=True)
def nothing_stays() -> Iterator[None]:
    """End the processes that failed tests have left."""
    yield
    for process in PROCESSES:
        if process.alive:
            process.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def context() -> Iterator[object]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture(scope="module")
def start(tmp_path_factory, tiny_network, context, request):
    """Return start(*, namespace, wait, reliable, **parameters) -> (Process, Client)."""
    processes, clients = [], []

    def make(
        name: str, wait: str = "Active", reliable: bool = False, connect: bool = True, **given
    ):
        namespace = f"/{request.module.__name__.split('.')[-1]}_{name}"
        parameters = {"weights": str(tiny_network), "device": "cpu", "threads": 1, **given}
        arguments = [str(EXECUTABLE), "--ros-args", "-r", f"__ns:={namespace}"]
        for key, value in parameters.items():
            arguments += [
                "-p",
                f"{key}:={str(value).lower() if isinstance(value, bool) else value}",
            ]
        log = tmp_path_factory.mktemp(name) / "log.txt"
        process = Process(arguments, log, wait)
        processes.append(process)
        client = Client(context, namespace, process, reliable)
        clients.append(client)
        if wait and connect:
            client.connected()
        return process, client

    yield make
    for client in clients:
        client.close()
    for process in processes:
        if process.alive:
            process.stop()
