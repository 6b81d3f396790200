"""Cut faces out of photographs of people: what a detector takes for hands most.

They are put into the detector's scenes as distractors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from hand_pose_25d_train.training.detector.people import PeoplePhotos

CONFIDENCE = 0.35
SMALLEST_FACE = 24.0
"""Pixels of a face's box."""
_REACH = (0.95, 1.1)
"""How far a picture reaches from the face's middle to the sides and below, and above, in faces."""
RIM = 0.12
"""Part of the picture's radius over which it fades out."""
TILES = 3
"""Small faces are looked for in half the photograph at a time, at so many places a side."""


class Face(NamedTuple):
    """Where a face is, pixels."""

    u: float
    v: float
    size: float


FindFaces = Callable[[np.ndarray], list[Face]]


def mediapipe_faces() -> FindFaces:
    """Return MediaPipe's face detector (Apache-2.0, in its wheel): (H, W, 3) RGB -> faces.

    Raises ImportError where the package is missing.
    """
    try:
        import mediapipe
    except ImportError as error:
        raise ImportError(
            "faces are found with MediaPipe: pip install --no-deps mediapipe==0.10.21"
        ) from error
    detector = mediapipe.solutions.face_detection.FaceDetection(
        model_selection=1, min_detection_confidence=CONFIDENCE
    )

    def find(image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        faces = []
        for found in detector.process(np.ascontiguousarray(image)).detections or ():
            box = found.location_data.relative_bounding_box
            size = max(box.width * width, box.height * height)
            u, v = (box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height
            faces.append(Face(u, v, size))
        return faces

    return find


def faces_of(image: np.ndarray, find: FindFaces) -> list[Face]:
    """Find faces in a whole photograph and in parts of it; each once."""
    height, width = image.shape[:2]
    starts = np.linspace(0, 0.5, TILES)
    parts = [(0, 0, width, height)] + [
        (int(a * width), int(b * height), width // 2, height // 2) for a in starts for b in starts
    ]
    faces: list[Face] = []
    for left, top, w, h in parts:
        for u, v, size in find(image[top : top + h, left : left + w]):
            face = Face(u + left, v + top, size)
            near = (
                math.hypot(face.u - f.u, face.v - f.v) < 0.5 * max(size, f.size) for f in faces
            )
            if size >= SMALLEST_FACE and not any(near):
                faces.append(face)
    return faces


def cut_face(image: np.ndarray, face: Face) -> np.ndarray:
    """Cut a face out of an (H, W, 3) image: (h, w, 4), its alpha an oval with a soft rim."""
    side, above = (round(reach * face.size) for reach in _REACH)
    u, v = round(face.u), round(face.v)
    part = image[max(v - above, 0) : v + side, max(u - side, 0) : u + side]
    height, width = part.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot((x + 0.5) / (width / 2) - 1, (y + 0.5) / (height / 2) - 1)
    alpha = np.clip((1 - radius) / RIM, 0, 1) * 255
    return np.dstack([part, alpha.astype(np.uint8)])


def faces_without_hands(folder: Path, out: Path, find: FindFaces | None = None) -> int:
    """Cut out the faces of the photographs of people, but for those with a hand beside them.

    `folder`: the photographs that datasets/marks/people_hands.yaml names; `find`: default
    `mediapipe_faces`.  Writes RGBA pictures into `out`; returns their number.  Raises
    FileNotFoundError where a photograph is missing.
    """
    find = find or mediapipe_faces()
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    scenes = PeoplePhotos(folder)
    for number in range(len(scenes)):
        scene = scenes[number]
        hands = [hand.uv for hand in scene.hands if hand.visible > 0]
        for face in faces_of(scene.image, find):
            if any(beside(face, uv) for uv in hands):
                continue
            picture = cut_face(cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), face)
            cv2.imwrite(str(out / f"{number:03d}_{count:04d}.png"), picture)
            count += 1
    return count


def beside(face: Face, uv: np.ndarray) -> bool:
    """Tell whether a keypoint of a hand, (21, 2) px, lies in the picture cut out of a face."""
    side, above = (reach * face.size for reach in _REACH)
    u, v = uv[:, 0] - face.u, uv[:, 1] - face.v
    return bool(((np.abs(u) < side) & (v > -above) & (v < side)).any())
