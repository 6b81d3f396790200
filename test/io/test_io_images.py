"""Image files: which are taken for some, and how they are read and written."""

import os
from pathlib import Path

import numpy as np
import pytest
from exif import jpeg_with_orientation

from hand_pose_25d.io.images import is_image, list_images, read_image, read_photo, write_image


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", True), ("b.JPEG", True), ("c.tiff", True), ("d.mp4", False), ("jpg", False)],
)
def test_is_image(tmp_path, name, expected):
    assert is_image(tmp_path / name) is expected


def test_list_images_is_sorted_and_may_go_below(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("b.png", "a.jpg", "notes.txt", "below/c.bmp"):
        (tmp_path / name).touch()
    assert [p.name for p in list_images(tmp_path, below=False)] == ["a.jpg", "b.png"]
    assert [p.name for p in list_images(tmp_path)] == ["a.jpg", "b.png", "c.bmp"]


@pytest.mark.parametrize(("folder", "message"), [("none", "no such folder"), ("", "no images")])
def test_list_images_says_what_is_missing(tmp_path, folder, message):
    with pytest.raises(FileNotFoundError, match=message):
        list_images(tmp_path / folder)


RED_LEFT = np.zeros((40, 60, 3), np.uint8)
RED_LEFT[:, :20] = (250, 0, 0)


@pytest.mark.parametrize(
    ("orientation", "side"),
    [(1, "left"), (2, "right"), (3, "right"), (4, "left"), (5, "top"), (6, "top"),
     (7, "bottom"), (8, "bottom")],
)  # fmt: skip
def test_photographs_are_read_upright(tmp_path, orientation, side):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_with_orientation(RED_LEFT, orientation))
    image, found = read_photo(path)
    assert found == orientation
    assert image.shape[:2] == ((60, 40) if orientation > 4 else (40, 60))
    strips = {"left": image[:, :15], "right": image[:, -15:], "top": image[:15],
              "bottom": image[-15:]}  # fmt: skip
    assert strips[side][..., 0].mean() > 200 > 100 > image[..., 0].mean()


def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b_\xe9.png"))
    write_image(path, RED_LEFT)
    np.testing.assert_array_equal(read_image(path), RED_LEFT)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half written stays


def test_a_jpeg_without_its_end_is_named(tmp_path, caplog):
    path = tmp_path / "half.jpg"
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = jpeg_with_orientation(image, 1)
    path.write_bytes(data[: len(data) // 2])
    try:
        said = str(read_image(path).shape) + caplog.text  # OpenCV up to 4.10 makes up the rest
    except ValueError as error:
        said = str(error)
    assert "half.jpg" in said and "breaks off early" in said


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(60)])
def test_what_is_no_image_is_named(tmp_path, data):
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="bad.png is no image that can be read"):
        read_image(path)


def test_images_are_written_by_their_suffix(tmp_path):
    write_image(tmp_path / "new" / "a.JPG", RED_LEFT)
    assert (tmp_path / "new" / "a.JPG").read_bytes()[:2] == b"\xff\xd8"
    with pytest.raises(ValueError, match="ends in one of"):
        write_image(tmp_path / "a.txt", RED_LEFT)
