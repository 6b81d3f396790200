"""Photographs of people: labels that fit the pixels, and what is not asked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hands_2d import hand_at

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d_train.evaluation.project.people import BOXES
from hand_pose_25d_train.training.detector.people import LABELS, PeoplePhotos
from hand_pose_25d_train.training.detector.targets import scene_targets

BOX = [300, 40, 380, 100]


def written(folder: Path, entries: object, longer_side: int = 400) -> Path:
    """A photograph of 800 x 600 pixels with a red palm, and labels in half of its pixels."""
    image = np.full((600, 800, 3), 90, np.uint8)
    palm = (hand_at(100, 150, 120)[0] + hand_at(100, 150, 120)[9]) / 2
    cv2.circle(image, np.round(2 * palm).astype(int).tolist(), 12, (0, 0, 255), -1)
    assert cv2.imwrite(str(folder / "a.png"), image)
    document = {"longer_side": longer_side, "photographs": {"a.png": entries}}
    path = folder / "labels.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def labelled() -> list[dict]:
    return [{"uv": hand_at(100, 150, 120).tolist(), "right": False}, {"box": BOX}]


def test_hands_lie_where_the_scaled_photograph_shows_them(tmp_path: Path) -> None:
    photos = PeoplePhotos(tmp_path, written(tmp_path, labelled()))
    scene = photos[0]
    assert len(photos) == 1 and scene.image.shape == (300, 400, 3)
    hand, unsure = scene.hands
    assert not hand.is_right and hand.visible == 1 and unsure.visible == 0
    u, v = np.round((hand.uv[0] + hand.uv[9]) / 2).astype(int)
    assert scene.image[v, u].tolist() == [255, 0, 0]
    assert (*unsure.uv.min(axis=0), *unsure.uv.max(axis=0)) == tuple(BOX)


def test_nothing_is_asked_of_a_box(tmp_path: Path) -> None:
    scene = PeoplePhotos(tmp_path, written(tmp_path, labelled()))[0]
    score = scene_targets(scene.hands, 416)["score"]
    cells = [(u * 8 + 3.5, v * 8 + 3.5) for v in range(52) for u in range(52)]
    middle = ((BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2)
    fine = {cell: float(s) for cell, s in zip(cells, score, strict=False)}
    near = [s for (u, v), s in fine.items() if np.hypot(u - middle[0], v - middle[1]) < 30]
    far = [s for (u, v), s in fine.items() if u > 200 and v > 200]
    assert near and set(near) == {-1.0}
    assert far and set(far) == {0.0}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"uv": [[1, 2]] * 20, "right": True}], "21 pairs"),
        ([{"uv": [[1, float("nan")]] * 21, "right": True}], "21 pairs"),
        ([{"uv": [[1, 2]] * 21}], "right"),
        ([{"right": True}], "uv"),
        ([7], "labels.yaml"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, entries: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PeoplePhotos(tmp_path, written(tmp_path, entries))


def test_a_missing_photograph_is_named(tmp_path: Path) -> None:
    labels = written(tmp_path, [])
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        PeoplePhotos(tmp_path, labels)


def test_small_photographs_are_enlarged_to_their_labels(tmp_path: Path) -> None:
    photos = PeoplePhotos(tmp_path, written(tmp_path, [], longer_side=1000))
    assert photos[0].image.shape == (750, 1000, 3)


def test_shipped_labels_are_hands_of_photographs_that_are_not_judged_by() -> None:
    document = yaml.safe_load(LABELS.read_text())
    judged = yaml.safe_load(BOXES.read_text())["photographs"]
    assert not set(document["photographs"]) & set(judged)
    hands = [h for entries in document["photographs"].values() for h in entries]
    poses = [np.array(h["uv"], float) for h in hands if "uv" in h]
    assert len(poses) >= 60 and all(p.shape == (21, 2) for p in poses)
    assert all(15 < Region.from_keypoints(p).size < 300 for p in poses)
    for left, top, right, bottom in (h["box"] for h in hands if "box" in h):
        assert 0 <= left < right <= 1601 and 0 <= top < bottom <= 1601
