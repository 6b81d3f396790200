"""The soak: a live node at 30 Hz for minutes, hands coming and going, viewers opening and closing.

    scripts/test.sh -m soak                       10 minutes
    scripts/test.sh -m soak --soak-seconds 60

Memory, threads, descriptors and latency are printed, minute by minute, and must stay flat.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rclpy
from conftest import camera_info, raw, set_stamp
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from hand_pose_25d.io.clips import CLIP
from hand_pose_25d.io.sources import open_source
from hand_pose_25d.ros.transport import profile_variable

pytestmark = pytest.mark.soak
PROFILE = Path(__file__).resolve().parents[2] / "config/fastdds.xml"
RATE = 30.0
VISIBLE, HIDDEN = 60, 30  # images with hands, then black ones: hands come and go
VIEWED = 5.0  # seconds for which viewers are open, and closed
SAMPLED = 0.5  # seconds between two samples
MEMORY = 24 * 2**20  # bytes by which the last quarter may be above the second
DESCRIPTORS, THREADS = 8, 4
LATENCY = 1.5  # times that of the second quarter, of the fastest tenth


@dataclass
class Samples:
    """What was measured, one row a sample."""

    process: int
    rows: list[tuple[float, float, int, int]]

    def take(self, since: float) -> None:
        """Note seconds, resident bytes, threads and descriptors of the process."""
        folder = Path(f"/proc/{self.process}")
        pages = int((folder / "statm").read_text().split()[1])
        counts = [len(os.listdir(folder / name)) for name in ("task", "fd")]
        self.rows.append((time.monotonic() - since, pages * os.sysconf("SC_PAGE_SIZE"), *counts))

    def quarter(self, number: int) -> np.ndarray:
        """Return the rows of one quarter of the time, from 0 on."""
        rows = np.array(self.rows)
        return rows[(4 * rows[:, 0] / rows[-1, 0]).astype(int).clip(0, 3) == number]


@pytest.fixture(scope="module")
def context():
    """As for images of this size: with the profile, of which DDS hears at its start only."""
    variable = profile_variable()
    before = os.environ.get(variable)
    os.environ[variable] = str(PROFILE)
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()
    os.environ.pop(variable)
    os.environ.update({variable: before} if before else {})


def test_soak(start, request, capsys):
    seconds = float(request.config.getoption("--soak-seconds"))
    process, client = start("soak", weights="realtime")
    frames = [
        frame.image for frame, _ in zip(open_source(CLIP).frames, range(VISIBLE), strict=False)
    ]
    height, width = frames[0].shape[:2]
    pictures = [image.tobytes() for image in frames] + [bytes(3 * height * width)] * HIDDEN
    messages = [raw("rgb8", width, height, 3 * width, data) for data in pictures]
    sent: dict[float, float] = {}
    delays: list[tuple[float, float]] = []
    hands: list[int] = []

    def on_hands(message) -> None:
        stamp = message.header.stamp.sec + round(message.header.stamp.nanosec * 1e-9, 6)
        if stamp in sent:
            delays.append((time.monotonic(), time.monotonic() - sent.pop(stamp)))
            hands.append(sum(hand.tracking_state != hand.STATE_LOST for hand in message.hands))
        client.arrays.clear()

    client.node.create_subscription(type(client.ask(messages[0], camera_info(width, height))),
                                    "hands", on_hands, 50)  # fmt: skip
    samples, viewers, opened = Samples(process.process.pid, []), [], 0
    begin = time.monotonic()
    number, due = 0, begin
    while (now := time.monotonic()) - begin < seconds:
        open_now = int((now - begin) / VIEWED) % 2 == 1
        if open_now and not viewers:
            opened += 1
            viewers = [
                client.node.create_subscription(kind, topic, lambda _: None, 1)
                for kind, topic in ((MarkerArray, "markers"), (Image, "debug_image"))
            ]
        elif not open_now and viewers:
            for viewer in viewers:
                client.node.destroy_subscription(viewer)
            viewers = []
        message, info = messages[number % len(messages)], camera_info(width, height)
        stamp = round(1000.0 + number / RATE, 6)
        set_stamp(message.header, stamp)
        set_stamp(info.header, stamp)
        sent[stamp] = time.monotonic()
        client.infos.publish(info)
        client.images.publish(message)
        if not samples.rows or now - begin - samples.rows[-1][0] > SAMPLED:
            samples.take(begin)
        number += 1
        due += 1 / RATE
        time.sleep(max(0.0, due - time.monotonic()))
    time.sleep(1.0)
    with capsys.disabled():
        report(samples, begin, delays, number, hands, opened)
    assert process.alive and "Traceback" not in process.text
    assert hands and max(hands) > 0 and min(hands) == 0
    early, late = samples.quarter(1), samples.quarter(3)
    assert np.median(late[:, 1]) - np.median(early[:, 1]) < MEMORY
    assert np.median(late[:, 2]) - np.median(early[:, 2]) <= THREADS
    assert np.median(late[:, 3]) - np.median(early[:, 3]) <= DESCRIPTORS
    # The fast ones: how long the others take is a matter of what else runs on the machine.
    before, after = (
        np.percentile([d for t, d in delays if n <= 4 * (t - begin) / seconds < n + 1], 10)
        for n in (1, 3)
    )
    assert after < LATENCY * before + 0.05


def report(samples: Samples, begin: float, delays, number: int, hands, opened: int) -> None:
    """Print a line a minute, or ten in all, whichever is more."""
    end = samples.rows[-1][0]
    step = min(60.0, end / 10)
    print(f"\nsoak: {number} images in {end:.0f} s, {len(delays)} answered, viewers open {opened}"
          f" times, {np.mean(hands):.2f} hands an image")  # fmt: skip
    print(" time [s]  memory [MB]  threads  descriptors  latency 10, 50, 95 % [ms]")
    for first in np.arange(0.0, end - step / 2, step):
        rows = np.array([row for row in samples.rows if first <= row[0] < first + step])
        times = [1e3 * d for t, d in delays if first <= t - begin < first + step]
        fast, median, p95 = np.percentile(times, (10, 50, 95)) if times else [np.nan] * 3
        memory, threads, descriptors = np.median(rows[:, 1:], axis=0)
        print(f"{first + step:9.0f} {memory / 1e6:12.1f} {threads:8.0f} {descriptors:12.0f}"
              f" {fast:10.1f} {median:8.1f} {p95:8.1f}")  # fmt: skip
