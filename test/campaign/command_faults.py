"""Faults of the command line: files, names, options and signals, each in a process of its own.

`inject(folder)` puts files there and returns the arguments; `codes` are the exit codes allowed.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from campaign.faults import Fault

REFUSED = "one sentence, code 2"
CALIBRATION = (
    "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
    "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    "camera_matrix: {rows: 3, cols: 3, data: [60, 0, 32, 0, 60, 24, 0, 0, 1]}\n"
)


@dataclass(frozen=True)
class CommandFault(Fault):
    """A run of a command."""

    codes: tuple[int, ...] = (2,)
    images: int = -1
    """In the JSON that is written; -1: not looked at."""
    environment: tuple[tuple[str, str], ...] = ()
    largest: int = 0
    """Bytes that a file can take; 0: as many as it likes."""


def picture(folder: Path, name: str | bytes, size: tuple[int, int] = (64, 48)) -> None:
    """Write a good image of this width and height, by whatever name."""
    pixels = np.full((size[1], size[0], 3), 120, np.uint8)
    with open(os.path.join(os.fsencode(folder), os.fsencode(name)), "wb") as file:
        file.write(cv2.imencode(".png", pixels)[1].tobytes())


def video(path: Path, count: int = 6, size: tuple[int, int] = (64, 48)) -> bytes:
    """Write a good video; return its bytes."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, size)
    for _ in range(count):
        writer.write(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8))
    writer.release()
    return path.read_bytes()


def estimate(*names: str, **files: str | bytes | None) -> Callable[[Path], list[str]]:
    """Return a function that writes files (dots are __; None: a good image) and names them."""

    def inject(folder: Path) -> list[str]:
        for key, content in files.items():
            path = folder / key.replace("__", ".")
            if content is None:
                picture(folder, path.name)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return ["estimate", *names, "--no-overlay"]

    return inject


def damaged(keep: float) -> Callable[[Path], list[str]]:
    """Return a video of which this share of the images is left; the rest is zeros."""

    def inject(folder: Path) -> list[str]:
        data = video(folder / "clip.mp4", 30)
        at = data.find(b"mdat")
        size = struct.unpack(">I", data[at - 4 : at])[0]
        kept = at + 4 + int((size - 8) * keep)
        end = at - 4 + size
        (folder / "clip.mp4").write_bytes(data[:kept] + bytes(end - kept) + data[end:])
        return ["estimate", "clip.mp4", "--no-overlay"]

    return inject


def folder_of(*bad: tuple[str | bytes, bytes | None]) -> Callable[[Path], list[str]]:
    """Return a folder of two good images and these."""

    def inject(folder: Path) -> list[str]:
        photos = folder / "photos"
        photos.mkdir()
        picture(photos, "a.png")
        picture(photos, "z.png")
        for name, content in bad:
            if content is None:
                picture(photos, name)
            else:
                with open(os.path.join(os.fsencode(photos), os.fsencode(name)), "wb") as file:
                    file.write(content)
        return ["estimate", "photos", "--no-overlay"]

    return inject


def into_itself(folder: Path) -> list[str]:
    """A video whose overlay would take its place."""
    video(folder / "clip.mp4")
    return ["estimate", "clip.mp4", "-o", "."]


def twins(folder: Path) -> list[str]:
    """Two images of one stem, with overlays."""
    photos = folder / "photos"
    photos.mkdir()
    picture(photos, "a.png")
    picture(photos, "a.jpg")
    return ["estimate", "photos"]


def broken_results(folder: Path) -> list[str]:
    """Results of a run that was killed in the middle of a line."""
    arguments = folder_of()(folder)
    (folder / "hands_out").mkdir()
    (folder / "hands_out/photos.jsonl").write_text('{"source":"photos","settings":{}}\n{"na')
    return arguments


def huge(width: int = 60000, height: int = 60000) -> bytes:
    """A PNG of 100 bytes with such a header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def long_video(folder: Path) -> list[str]:
    """A video whose records take more than 4 KB."""
    video(folder / "clip.mp4", 60)
    return ["estimate", "clip.mp4", "--no-overlay"]


def file_for_folder(folder: Path) -> list[str]:
    """An output folder that is a file."""
    (folder / "out").write_text("mine")
    picture(folder, "a.png")
    return ["estimate", "a.png", "-o", "out"]


def recording_of_text(folder: Path) -> list[str]:
    (folder / "x.mcap").write_text("hello")
    return ["process", "x.mcap", "--out", "out", "--workers", "1", "--quiet"]


def data_set_of_brackets(folder: Path) -> list[str]:
    (folder / "set/meta").mkdir(parents=True)
    (folder / "set/meta/info.json").write_text("[" * 100_000)
    return ["process", "set", "--out", "out", "--workers", "1", "--quiet"]


def refused(letter: str, name: str, says: str, inject, **more) -> CommandFault:
    return CommandFault(letter, name, inject, says, REFUSED, **more)


LAUGHS = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
LEFT_OUT = "code 0; the two good images are in the JSON, the bad one is named"
FAULTS = [
    CommandFault(
        "A",
        "an overlay over its own video",
        into_itself,
        r"clip_2\.(json|mp4)",
        "code 0; the input is as it was, results are `clip_2`",
        (0,),
    ),
    CommandFault(
        "A", "`a.jpg` and `a.png`", twins, "0 hands in 2 images", "code 0; two overlays", (0,), 2
    ),
    CommandFault(
        "A",
        "results of a killed run, the last line in half",
        broken_results,
        "in 2 images",
        "code 0; all images are in the JSON",
        (0,),
        2,
    ),
    refused("A", "an output folder that is a file", "out", file_for_folder),
    CommandFault(
        "A",
        "a disk that is full after 4 KB",
        long_video,
        r"what was done is kept.*clip\.jsonl",
        "one sentence, code 2; the records until then are kept",
        (2,),
        largest=4096,
    ),
    refused(
        "B",
        "a calibration that is not there",
        "No such file.*none.yaml",
        estimate("a.png", "--camera", "none.yaml", a__png=None),
    ),
    refused(
        "B",
        "a calibration of other proportions",
        "other proportions",
        estimate(
            "a.png",
            "--camera",
            "c.yaml",
            a__png=None,
            c__yaml=CALIBRATION.replace("64", "64").replace("48", "10", 1),
        ),
    ),
    refused(
        "B",
        "a calibration of an unknown lens",
        "unknown distortion model",
        estimate(
            "a.png",
            "--camera",
            "c.yaml",
            a__png=None,
            c__yaml=CALIBRATION.replace("plumb_bob", "kb8").replace("[0, 0", "[1, 0"),
        ),
    ),
    CommandFault(
        "B",
        "a calibration that says `fisheye`",
        estimate(
            "a.png",
            "--camera",
            "c.yaml",
            a__png=None,
            c__yaml=CALIBRATION.replace("plumb_bob", "fisheye").replace(
                "[0, 0, 0, 0, 0]", "[0, 0, 0, 0]"
            ),
        ),
        "in 1 images",
        "code 0; taken as equidistant, as the node does",
        (0,),
        1,
    ),
    refused(
        "B",
        "`~nobody` in a path",
        "home directory",
        estimate("a.png", "--camera", "~nobody_here/c.yaml", a__png=None),
    ),
    refused(
        "C",
        "a field of view of 0",
        "field of view",
        estimate("a.png", "--field-of-view", "0", a__png=None),
    ),
    refused(
        "D", "a source that is not there", "no such image, folder or video", estimate("none.png")
    ),
    refused("D", "an empty file", "0 bytes", estimate("a.png", a__png=b"")),
    refused(
        "D", "text for an image", "no image that can be read", estimate("a.png", a__png="text")
    ),
    refused(
        "D", "60,000 x 60,000 by the header", "60000 x 60000", estimate("a.png", a__png=huge())
    ),
    CommandFault(
        "D",
        "60,000 x 60,000 among good images",
        folder_of(("b.png", huge())),
        "left out: .*b.png.*60000 x 60000",
        LEFT_OUT,
        (0,),
        2,
    ),
    CommandFault(
        "D",
        "an empty file among good images",
        folder_of(("b.png", b"")),
        "left out: .*b.png",
        LEFT_OUT,
        (0,),
        2,
    ),
    CommandFault(
        "D",
        "a name that is not UTF-8",
        folder_of((b"b_\xe9.png", None)),
        "in 3 images",
        "code 0; all three are in the JSON",
        (0,),
        3,
    ),
    CommandFault(
        "D",
        "a name with a colon",
        folder_of(("b:c.png", None)),
        "in 3 images",
        "code 0; all three are in the JSON",
        (0,),
        3,
    ),
    CommandFault(
        "D",
        "a name of Chinese in a terminal of ASCII",
        folder_of(("\u624b.png", None)),
        "in 3 images",
        "code 0; all three are in the JSON",
        (0,),
        3,
        (("PYTHONIOENCODING", "ascii"),),
    ),
    CommandFault(
        "D",
        "images of two sizes in a folder",
        lambda f: (
            f.joinpath("p").mkdir(),
            picture(f / "p", "a.png"),
            picture(f / "p", "b.png", (48, 64)),
            ["estimate", "p"],
        )[-1],
        "in 2 images",
        "code 0; both are in the JSON",
        (0,),
        2,
    ),
    refused("D", "a video of text", "no video", estimate("clip.mp4", clip__mp4="hello")),
    refused("D", "a video of which no image decodes", "not one image", damaged(0.0)),
    CommandFault(
        "D",
        "a video that breaks off",
        damaged(0.3),
        "breaks off early: .* of 30",
        "code 0; what there is, and that it breaks off",
        (0,),
    ),
    refused(
        "D",
        "an empty folder",
        "no images",
        lambda f: (f.joinpath("p").mkdir(), ["estimate", "p"])[-1],
    ),
    CommandFault(
        "D",
        "one bad source of two",
        estimate("none.png", "a.png", a__png=None),
        "no such image.*",
        "code 2; the good one is done",
        (2,),
        1,
    ),
    refused("D", "a camera that is not there", "camera 97 cannot be opened", estimate("97")),
    refused(
        "D",
        "a pipe",
        "pipe or socket",
        lambda f: (os.mkfifo(f / "pipe"), ["estimate", "pipe"])[-1],
    ),
    refused("E", "a command that is none", "invalid choice", lambda f: ["estimat"]),
    refused("E", "an option that is none", "unrecognized arguments", estimate("a.png", "--boxx")),
    refused("F", "`--frames -1`", "whole number from 1 on", estimate("a.png", "--frames", "-1")),
    refused("F", "`--max-hands two`", "invalid int", estimate("a.png", "--max-hands", "two")),
    refused(
        "F",
        "`--max-hands 0`",
        "max_hands must be",
        estimate("a.png", "--max-hands", "0", a__png=None),
    ),
    refused(
        "F", "`--device gpu`", "device must be", estimate("a.png", "--device", "gpu", a__png=None)
    ),
    CommandFault(
        "F",
        "`--camera` with `--focal`",
        estimate("a.png", "--camera", "c.yaml", "--focal", "60", a__png=None, c__yaml=CALIBRATION),
        "--camera counts; --focal is not used",
        "code 0; which counts is said",
        (0,),
        1,
    ),
    refused(
        "F",
        "weights that are not there",
        "no such file",
        estimate("a.png", "--weights", "none", a__png=None),
    ),
    refused(
        "F",
        "the detector as pose network",
        "a detector, not a pose network",
        estimate("a.png", "--weights", "detector", a__png=None),
    ),
    refused(
        "I",
        "a box of 1e30 px",
        "beyond 1e",
        estimate("a.png", "--box", "1", "1", "1e30", "1e30", a__png=None),
    ),
    refused(
        "I",
        "a calibration of 200 bytes that means billions of values",
        "more than 50000 values",
        estimate("a.png", "--camera", "c.yaml", a__png=None, c__yaml=LAUGHS),
    ),
    refused(
        "I",
        "/dev/zero for a calibration",
        "pipe or a device",
        estimate("a.png", "--camera", "/dev/zero", a__png=None),
    ),
    CommandFault(
        "I", "a recording of text", recording_of_text, "x.mcap", "code 1; it is named", (1, 2)
    ),
    CommandFault(
        "I",
        "a data set whose description is 100,000 brackets",
        data_set_of_brackets,
        "nested too deep|no description",
        "code 1 or 2; it is named",
        (1, 2),
    ),
]


def images_of(folder: Path) -> int:
    """Count the images of all JSON files that were written."""
    files = folder.glob("hands_out/*.json")
    return sum(len(json.loads(path.read_text())["images"]) for path in files)
