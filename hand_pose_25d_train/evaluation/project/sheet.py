"""Sheets of predictions on photographs: what numbers on rendered hands do not tell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from torch import nn

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d_train.datasets.photos import LabelledPhoto
from hand_pose_25d_train.evaluation.project.network import predict
from hand_pose_25d_train.pictures import draw_bones, grid

COLUMNS, ROWS = 8, 5


def predict_photos(
    model: nn.Module, photos: list[LabelledPhoto]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the crops, and the keypoints found in the photographs' pixels (N, 21, 2)."""
    size = int(model.input_size)  # type: ignore[arg-type]
    cameras = [photo.virtual_camera(size) for photo in photos]
    crops = [camera.sample(photo.image) for camera, photo in zip(cameras, photos, strict=True)]
    uv = predict(model, crops).uv
    found = [camera.crop_to_image(points) for camera, points in zip(cameras, uv, strict=True)]
    return crops, np.array(found).reshape(-1, 21, 2)


def prediction_sheet(
    model: nn.Module, photos: list[LabelledPhoto], path: Path
) -> dict[str, float]:
    """Draw predictions on every n-th photograph; return their distance to the labels.

    "photo_error": the mean distance as a fraction of the hand's box, over all photographs.
    """
    if not photos:
        return {}
    _, found = predict_photos(model, photos)
    labels = np.array([photo.uv for photo in photos])
    boxes = np.ptp(labels, axis=1).max(-1)
    errors = np.linalg.norm(found - labels, axis=-1).mean(-1) / boxes
    chosen = np.linspace(0, len(photos) - 1, min(COLUMNS * ROWS, len(photos))).astype(int)
    tiles = [draw_hand(photos[i], found[i]) for i in chosen]
    cv2.imwrite(str(path), grid(tiles, COLUMNS)[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 88))
    tail = float(np.quantile(errors, 0.95))
    return {"photo_error": float(errors.mean()), "photo_error_p95": tail}


def draw_hand(photo: LabelledPhoto, uv: np.ndarray, side: int = 180) -> np.ndarray:
    """Return a (side, side, 3) RGB tile of the hand with the keypoints `uv` (photo pixels)."""
    ideal = Region.from_keypoints(photo.uv)
    camera = VirtualCamera.from_region(photo.camera, Region(ideal.center, ideal.size), side)
    return draw_bones(camera.sample(photo.image), camera.image_to_crop(uv))
