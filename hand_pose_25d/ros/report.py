"""From a recording to pictures: overlay.mp4, contact_sheet.png, hands.json and a summary.

    python -m hand_pose_25d.ros.report demo_out/hands.mcap [--input VIDEO]

Reads the recording with the library rosbags.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.io.clip_errors import summarise_errors
from hand_pose_25d.io.clips import CLIP, load_clip
from hand_pose_25d.io.recordings import typestore
from hand_pose_25d.io.results import write_results
from hand_pose_25d.io.sources import Source, SourceImage
from hand_pose_25d.ros.cameras import camera_from_info
from hand_pose_25d.ros.images import compressed_to_rgb
from hand_pose_25d.ros.messages import hand_from_message, seconds


class RecordedImage(SourceImage):
    """A SourceImage that keeps its image as JPEG: a long recording fits into memory."""

    def __init__(self, name: str, stamp: float, message: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stamp", stamp)
        object.__setattr__(self, "_message", message)

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return compressed_to_rgb(self._message)  # type: ignore[attr-defined]


@dataclass
class Recording:
    """What a recording holds, by image."""

    frames: list[tuple[SourceImage, list[HandPose]]]
    camera: Camera
    """Of the first image."""
    latency: np.ndarray
    """Seconds from an image's publication to that of its hands, one an image."""
    images: int
    """Images recorded, with and without an answer."""


def read_recording(path: Path) -> Recording:
    """Read a file of the node `recorder`.

    Raises ValueError where it holds no images with hands messages.
    """
    images: dict[float, Any] = {}
    published: dict[float, int] = {}
    answers: dict[float, tuple[list[HandPose], int]] = {}
    info = None
    for topic, time, message in _messages(path):
        stamp = seconds(message.header.stamp)
        if topic.endswith("/compressed"):
            images[stamp], published[stamp] = message, time
        elif topic.endswith("/hands"):
            answers.setdefault(stamp, ([hand_from_message(h) for h in message.hands], time))
        elif topic.endswith("/camera_info") and info is None:
            info = message
    stamps = sorted(stamp for stamp in images if stamp in answers)
    if not stamps or info is None:
        raise ValueError(
            f"{path}: {len(images)} images, {len(answers)} hands messages, none that fit together"
        )
    frames: list[tuple[SourceImage, list[HandPose]]] = [
        (RecordedImage(f"{i:06d}", s - min(images), images[s]), answers[s][0])
        for i, s in enumerate(stamps)
    ]
    latency = np.array([answers[s][1] - published[s] for s in stamps]) * 1e-9
    return Recording(frames, _camera(info), latency, len(images))


def _messages(path: Path) -> Iterator[tuple[str, int, Any]]:
    wanted = ("/image/compressed", "/hands", "/camera_info")
    with AnyReader([path], default_typestore=typestore()) as reader:
        connections = [c for c in reader.connections if c.topic.endswith(wanted)]
        for connection, time, data in reader.messages(connections=connections):
            yield connection.topic, time, reader.deserialize(data, connection.msgtype)


def _camera(info: Any) -> Camera:
    return camera_from_info(info, rectified=False)


def main(args: list[str] | None = None) -> int:
    """Write the pictures and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path, help="MCAP file of the node recorder")
    parser.add_argument("--input", default=str(CLIP), help="what was recorded, for the titles")
    options = parser.parse_args(args)
    try:
        recording = read_recording(options.recording)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    folder = options.recording.parent
    frames = recording.frames
    stamps = np.array([frame.stamp for frame, _ in frames])
    rate = 1 / float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1.0
    source = Source(options.input, True, rate, len(frames), iter(()))
    seen = ((frame, recording.camera, hands) for frame, hands in frames)
    write_results(folder, source, seen)

    hands = [[h for h in hands if h.state != "lost"] for _, hands in frames]
    ids = {hand.track_id for row in hands for hand in row}
    median, p95 = np.percentile(recording.latency * 1e3, (50, 95))
    print(f"images   {len(frames)} answered of {recording.images}")
    print(f"hands    {sum(map(len, hands))} in {sum(map(bool, hands))} images, {len(ids)} tracks")
    print(f"latency  median {median:.1f} ms, 95 % below {p95:.1f} ms, image to hands over DDS")
    if Path(options.input).resolve() == CLIP.resolve():
        found = [row for _, row in frames]
        for line in summarise_errors(found, load_clip(CLIP), stamps.tolist()):
            print(line)
    for name in ("contact_sheet.png", "overlay.mp4", options.recording.name, "hands.json"):
        print(f"         {folder / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
