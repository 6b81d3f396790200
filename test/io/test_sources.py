"""What a path, a number or an address is."""

from __future__ import annotations

import os

import numpy as np
import pytest

from hand_pose_25d.io.images import write_image
from hand_pose_25d.io.sources import expand, input_files, open_source

IMAGE = np.full((24, 32, 3), 77, np.uint8)


def test_a_path_counts_before_a_number(tmp_path, monkeypatch):
    write_image(tmp_path / "20240501" / "a.png", IMAGE)
    monkeypatch.chdir(tmp_path)
    source = open_source("20240501")
    assert not source.live and [f.name for f in source.frames] == ["a.png"]


def test_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_image(tmp_path / "a.png", IMAGE)
    assert next(open_source("~/a.png").frames).image.shape == (24, 32, 3)
    assert input_files("~/a.png") == [tmp_path / "a.png"]
    with pytest.raises(ValueError, match="~nosuchuser_/a: the home directory in it is not known"):
        expand("~nosuchuser_/a")


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [("98", FileNotFoundError, "camera 98 cannot be opened"),
     ("ftp://host/a.mp4", ValueError, "streams begin with one of rtsp://"),
     ("none.mp4", FileNotFoundError, "no such image, folder or video: none.mp4")],
)  # fmt: skip
def test_what_is_none_is_named(tmp_path, monkeypatch, source, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        open_source(source)


def test_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(ValueError, match="pipe.mp4 is a pipe or socket"):
        open_source(tmp_path / "pipe.mp4")


def test_one_bad_file_costs_only_itself(tmp_path, caplog):
    for name in ("a.png", "c.png"):
        write_image(tmp_path / name, IMAGE)
    (tmp_path / "b.png").write_bytes(b"nothing")
    (tmp_path / "d.png").mkdir()  # a folder with an image's name
    source = open_source(tmp_path)
    assert [(f.name, f.stamp) for f in source.frames] == [("a.png", 0.0), ("c.png", 2.0)]
    assert "left out" in caplog.text and "b.png" in caplog.text and "d.png" in caplog.text


def test_a_folder_of_bad_files_is_an_error(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not one of 2 images could be read"):
        list(open_source(tmp_path).frames)


def test_images_that_are_skipped_keep_the_others_stamps(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, IMAGE)
    frames = list(open_source(tmp_path, skip={"a.png", "c.png"}).frames)
    assert [(f.name, f.stamp) for f in frames] == [("b.png", 1.0)]
    assert list(open_source(tmp_path, skip={"a.png", "b.png", "c.png"}).frames) == []
