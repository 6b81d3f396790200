"""Videos: the container's own times, rates that can be written, rotation, damage, names."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_25d.io.sources import open_source
from hand_pose_25d.io.videos import VideoReader, VideoWriter, writable_rate

WIDTH, HEIGHT = 64, 48


def element(name: str, data: bytes) -> bytes:
    """An element of Matroska (RFC 9559): its id in hexadecimal digits, its size, its data."""
    return bytes.fromhex(name) + struct.pack(">Q", len(data) | 1 << 56) + data


def matroska(path: Path, stamps: list[float]) -> Path:
    """Write a video of JPEGs with these times (s), one grey level after the other."""
    blocks = b""
    for number, stamp in enumerate(stamps):
        image = np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8)
        head = b"\x81" + struct.pack(">hB", round(1000 * stamp), 0x80)
        blocks += element("A3", head + cv2.imencode(".jpg", image)[1].tobytes())
    video = element("B0", bytes([WIDTH])) + element("BA", bytes([HEIGHT]))
    track = (
        element("D7", b"\1") + element("73C5", b"\1") + element("83", b"\1")
        + element("86", b"V_MJPEG") + element("E0", video)
    )  # fmt: skip
    segment = (
        element("1549A966", element("2AD7B1", (1_000_000).to_bytes(3, "big")))
        + element("1654AE6B", element("AE", track))
        + element("1F43B675", element("E7", b"\0") + blocks)
    )
    path.write_bytes(
        element("1A45DFA3", element("4282", b"matroska")) + element("18538067", segment)
    )
    return path


def mp4(path: Path, images: list[np.ndarray], rate: float = 30.0) -> Path:
    writer = VideoWriter(path, rate)
    for image in images:
        writer.write(image)
    writer.close()
    return path


@pytest.mark.parametrize(
    "stamps",
    [[0.0, 0.04, 0.08, 0.12], [0.0, 0.1, 0.11, 0.5, 2.0], [0.0, 0.033, 10.0, 10.033],
     [3.0, 3.1, 3.2]],
    ids=["even", "uneven", "gap", "late"],
)  # fmt: skip
def test_stamps_are_the_containers(tmp_path, stamps):
    frames = list(VideoReader(matroska(tmp_path / "a.mkv", stamps)).frames())
    assert [f.stamp for f in frames] == pytest.approx([s - stamps[0] for s in stamps], abs=2e-3)
    assert [round(f.image.mean() / 10) for f in frames] == list(range(len(stamps)))
    source = open_source(tmp_path / "a.mkv")
    assert [f.stamp for f in source.frames] == [f.stamp for f in frames]


def test_a_container_that_says_1000_a_second_has_its_images_rate(tmp_path):
    stamps = [k / 25 for k in range(20)]
    video = VideoReader(matroska(tmp_path / "browser.mkv", stamps))
    assert video.rate == pytest.approx(25.0, rel=0.05)


@pytest.mark.parametrize(
    ("rate", "written"),
    [(119.973, 119.97), (239.726, 239.73), (66.667, 66.67), (29.97, 29.97), (23.976, 23.976),
     (30.0, 30.0), (59.94, 59.94), (1e5, 1000.0), (0.0, 0.1), (float("nan"), 30.0)],
)  # fmt: skip
def test_rates_that_mpeg4_can_hold(tmp_path, rate, written):
    assert writable_rate(rate) == written
    path = mp4(tmp_path / "a.mp4", [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 3, rate)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(written, rel=1e-3)


def test_images_of_other_sizes_are_fitted(tmp_path):
    sizes = [(48, 64), (64, 48), (20, 100), (300, 200)]
    path = mp4(tmp_path / "a.mp4", [np.full((*size, 3), 200, np.uint8) for size in sizes])
    frames = list(VideoReader(path).frames())
    assert [f.image.shape[:2] for f in frames] == [(48, 64)] * 4
    assert frames[1].image[24, 32].min() > 150 > 60 > frames[1].image[24, 2].max()  # bars


def turned(path: Path, matrix: tuple[int, ...]) -> Path:
    """Give a video's track another matrix (ISO/IEC 14496-12, the box tkhd)."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 40
    for k, value in zip((0, 1, 3, 4), matrix, strict=True):
        data[at + 4 * k : at + 4 * k + 4] = struct.pack(">i", value << 16)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("matrix", "orientation", "bright"),
    [((1, 0, 0, 1), 1, "left"), ((0, 1, -1, 0), 6, "top"), ((-1, 0, 0, -1), 3, "right"),
     ((0, -1, 1, 0), 8, "bottom")],
)  # fmt: skip
def test_rotated_videos_are_upright_and_say_how(tmp_path, matrix, orientation, bright):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :16] = 220
    path = turned(mp4(tmp_path / "a.mp4", [image] * 3), matrix)
    video = VideoReader(path)
    (first, *_) = video.frames()
    assert video.orientation == orientation
    strips = {"left": first.image[:, :12], "right": first.image[:, -12:],
              "top": first.image[:12], "bottom": first.image[-12:]}  # fmt: skip
    assert max(strips, key=lambda side: strips[side].mean()) == bright
    frame = next(open_source(path).frames)
    assert (frame.orientation, frame.image.shape) == (orientation, first.image.shape)


def damaged(path: Path, share: float) -> Path:
    """Write a video of 60 images of which only this share of the data is there."""
    rng = np.random.default_rng(0)
    mp4(path, [rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(60)])
    data = path.read_bytes()
    start = data.find(b"mdat") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    kept = int(size * share)
    path.write_bytes(data[: start + kept] + bytes(size - kept) + data[start + size :])
    return path


def test_a_video_that_breaks_off_says_so(tmp_path, caplog):
    frames = list(VideoReader(damaged(tmp_path / "part.mp4", 0.5)).frames())
    assert 0 < len(frames) < 60
    assert f"part.mp4 breaks off early: {len(frames)} of 60 images" in caplog.text


def test_a_video_without_images_is_an_error(tmp_path):
    video = VideoReader(damaged(tmp_path / "none.mp4", 0.0))
    with pytest.raises(ValueError, match="none.mp4: not one image could be decoded"):
        list(video.frames())


@pytest.mark.parametrize("name", [b"b_\xe9.mp4", b"a:b.mp4", b"0123", b"img_%03d.mp4", b"a b.mp4"])
def test_names_of_any_kind(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    mp4(path, [np.full((HEIGHT, WIDTH, 3), 99, np.uint8)] * 3)
    assert len(list(open_source(path).frames)) == 3
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
