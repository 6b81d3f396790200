"""Faces cut out of photographs; the face detector is played by a finder of red discs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hands_2d import hand_at

from hand_pose_25d_train.training.detector import people as detector_people
from hand_pose_25d_train.training.detector.distractors import load_distractors
from hand_pose_25d_train.training.detector.faces import (
    SMALLEST_FACE,
    Face,
    beside,
    cut_face,
    faces_of,
    faces_without_hands,
    mediapipe_faces,
)


def crowd(*discs: tuple[int, int, int]) -> np.ndarray:
    """A grey RGB photograph with red discs (u, v, diameter)."""
    image = np.full((240, 320, 3), 120, np.uint8)
    for u, v, size in discs:
        cv2.circle(image, (u, v), size // 2, (255, 0, 0), -1)
    return image


def find_discs(image: np.ndarray) -> list[Face]:
    red = (image[..., 0].astype(int) - image[..., 1] > 100).astype(np.uint8)
    _, _, stats, middles = cv2.connectedComponentsWithStats(red)
    return [
        Face(float(u), float(v), float(max(s[2], s[3])))
        for s, (u, v) in zip(stats[1:], middles[1:], strict=True)
    ]


def test_every_face_is_found_once_and_small_ones_are_left() -> None:
    image = crowd((60, 60, 40), (220, 150, 60), (300, 20, int(SMALLEST_FACE) - 4))
    faces = sorted(faces_of(image, find_discs))
    assert [round(f.u) for f in faces] == [60, 220] and [round(f.v) for f in faces] == [60, 150]
    assert [f.size for f in faces] == pytest.approx([41, 61], abs=1)


@pytest.mark.parametrize("place", [(100, 100), (10, 10), (310, 230)])
def test_a_cut_out_is_opaque_inside_and_fades(place: tuple[int, int]) -> None:
    picture = cut_face(crowd((*place, 40)), Face(*place, 40.0))
    height, width = picture.shape[:2]
    assert height <= 38 + 44 and width <= 2 * 38
    assert picture[height // 2, width // 2, 3] == 255
    assert picture[0, 0, 3] == 0 and picture[-1, -1, 3] == 0


def test_faces_beside_hands_are_left_out_and_the_others_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    image = crowd((60, 60, 40), (220, 150, 60))
    cv2.imwrite(str(photos / "a.png"), image[..., ::-1])
    hand = {"uv": hand_at(80, 60, 40).tolist(), "right": True}  # beside the first face
    doubtful = {"box": [190, 120, 250, 180]}  # what may be a hand: the second face itself
    document = {"longer_side": 320, "photographs": {"a.png": [hand, doubtful]}}
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr(detector_people, "LABELS", tmp_path / "labels.yaml")
    assert faces_without_hands(photos, tmp_path / "faces", find_discs) == 1
    (picture,) = load_distractors([tmp_path / "faces"])
    assert picture[picture.shape[0] // 2, picture.shape[1] // 2].tolist() == [255, 0, 0, 255]
    assert picture.shape[1] == 2 * round(0.95 * 61)


@pytest.mark.parametrize(
    ("u", "v", "expected"),
    [(100, 100, True), (135, 100, True), (180, 100, False), (100, 30, False)],
)
def test_a_hand_is_beside_a_face_where_the_picture_shows_it(u, v, expected) -> None:
    assert beside(Face(100.0, 100.0, 40.0), hand_at(u, v, 10)) == expected


def test_mediapipe_sees_no_face_in_noise() -> None:
    pytest.importorskip("mediapipe", reason="the package mediapipe (extra [train]) is missing")
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    assert mediapipe_faces()(noise) == []
