"""Which files of a folder are taken for images."""

import pytest

from hand_pose_25d.io.images import is_image, list_images


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
