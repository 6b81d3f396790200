"""Cut-outs of no hands, put into the detector's scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_25d_train.training.detector.distractors import (
    LARGEST_DISTRACTOR,
    LONGEST_DISTRACTOR_SIDE,
    SMALLEST_DISTRACTOR,
    distract,
    load_distractors,
)

RED = (255, 0, 0)


def disc(side: int, channels: int = 4, dtype: type = np.uint8) -> np.ndarray:
    """A red disc, transparent around it, in OpenCV's order."""
    image = np.zeros((side, side, 4), dtype)
    cv2.circle(image, (side // 2, side // 2), side // 2 - 1, (0, 0, 255, 255), -1)
    return image[..., :channels]


def test_pictures_are_read_as_rgba_and_reduced(tmp_path: Path) -> None:
    for name, side in (("a.png", 40), ("below/b.png", 2 * LONGEST_DISTRACTOR_SIDE)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), disc(side))
    small, large = load_distractors([tmp_path])
    assert small.shape == (40, 40, 4) and large.shape == (
        LONGEST_DISTRACTOR_SIDE,
        LONGEST_DISTRACTOR_SIDE,
        4,
    )
    assert small[20, 20].tolist() == [*RED, 255] and small[0, 0, 3] == 0
    assert load_distractors([]) == []


@pytest.mark.parametrize(
    ("picture", "error", "message"),
    [
        (disc(20, channels=3), ValueError, "a.png: distractors are"),
        (disc(20, dtype=np.uint16), ValueError, "a.png: distractors are"),
        (None, FileNotFoundError, "no pictures with alpha"),
    ],
)
def test_what_is_no_cut_out_is_refused(
    tmp_path: Path, picture: np.ndarray | None, error: type, message: str
) -> None:
    if picture is not None:
        cv2.imwrite(str(tmp_path / "a.png"), picture)
    with pytest.raises(error, match=message):
        load_distractors([tmp_path])


def test_most_scenes_get_some_of_any_size() -> None:
    picture = np.ascontiguousarray(disc(100)[..., [2, 1, 0, 3]])
    rng, shares = np.random.default_rng(0), []
    for _ in range(150):
        scene = np.zeros((96, 96, 3), np.uint8)
        distract(scene, [picture], rng)
        shares.append(float((scene[..., 0] > scene[..., 1] + 20).mean()))
    covered = np.array(shares)
    assert 0.25 < (covered == 0).mean() < 0.6  # none, or one beyond the border
    assert covered[covered > 0].min() < np.pi / 4 * (2 * SMALLEST_DISTRACTOR) ** 2
    assert covered.max() > np.pi / 4 * (0.6 * LARGEST_DISTRACTOR) ** 2


def test_it_is_a_function_of_the_seed() -> None:
    picture = np.ascontiguousarray(disc(60)[..., [2, 1, 0, 3]])
    scenes = [np.full((64, 64, 3), 50, np.uint8) for _ in range(2)]
    for scene in scenes:
        distract(scene, [picture], np.random.default_rng(3))
    assert np.array_equal(*scenes)
