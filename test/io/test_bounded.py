"""Files of settings that ask for much more than their size says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pace import at_most

from hand_pose_25d import Camera
from hand_pose_25d.io.bounded import MOST_BYTES, load_json, parse_json, read_bytes
from hand_pose_25d.io.yaml import read_yaml

SECONDS = 10.0
"""Most for any of them; unbounded, most of these take minutes or all memory."""


def names(line: str, levels: int = 10) -> str:
    """Return a document in which each line has nine of the line before."""
    letters = "abcdefghijklmnop"
    lines = [line.format(letters[i + 1], ", ".join(["*" + letters[i]] * 9)) for i in range(levels)]
    return "".join(["a: &a {x: 1}\n", *lines])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (names("{0}: &{0} [{1}]\n"), "more than 50000 values"),
        (names("{0}: &{0}\n  <<: [{1}]\n"), "more than 50000 values"),
        ("a: " + "[" * 100_000, "more than 32 lists"),
        ("- " * 20_000, "more than 32 lists"),
        ("a: &a [*a]", "stands for nothing, or for what it is part of"),
        ("a: *b", "stands for nothing|undefined alias"),
        ("a: " + "9" * 9_000, "digits"),
        ("a: " + ":".join(["1"] * 9_000), "more than 10000 characters"),
        ("a: [" + "1," * 60_000 + "]", "more than 50000 values"),
        ("a: 2001-99-99", "month must be"),
        ("a: " + "1," * MOST_BYTES, f"more than {MOST_BYTES} bytes"),
    ],
)
def test_small_files_that_mean_much(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(ValueError, match=message) as raised:
        read_yaml(path)
    assert str(path) in str(raised.value)
    assert time.process_time() - start < at_most(SECONDS)


def test_aliases_that_stay_small_are_read(tmp_path: Path) -> None:
    path = tmp_path / "alias.yaml"
    path.write_text("a: &x [1, 2]\nb: *x\nc: &y {k: 1}\nd: {<<: *y, l: 2}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": [1, 2], "b": [1, 2], "c": {"k": 1}, "d": {"k": 1, "l": 2}}


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_no_files(device: str) -> None:
    with pytest.raises(ValueError, match="pipe or a device"):
        Camera.from_yaml(device)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe or a device"):
        read_yaml(tmp_path / "pipe")


def test_bytes_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_bytes(path, 4)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[" * 100_000, "nested too deep"), ("{", "is no JSON"), ("1" * 9_000, "is no JSON"),
     ("\ud800", "is no JSON")],
)  # fmt: skip
def test_json_that_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^settings.* {message}"):
        parse_json(text, "settings")
    path = tmp_path / "settings"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ValueError, match=f"settings.* {message}"):
        load_json(path)
