"""Sheets of predictions on photographs: what numbers on rendered hands do not tell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from hand_pose_25d.crop import CropView
from hand_pose_25d.data.photos import LabelledPhoto
from hand_pose_25d.region import Region
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS

COLUMNS, ROWS = 8, 5
BATCH = 16


@torch.no_grad()
def predict_photos(
    model: nn.Module, photos: list[LabelledPhoto]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the crops, and the keypoints found in the photographs' pixels (N, 21, 2)."""
    device = next(model.parameters()).device
    size = int(model.input_size)  # type: ignore[arg-type]
    views = [
        CropView.from_region(p.camera, Region.from_keypoints(p.uv), size, mirror=not p.is_right)
        for p in photos
    ]
    crops = [view.sample(photo.image) for view, photo in zip(views, photos, strict=True)]
    found = []
    for start in range(0, len(crops), BATCH):
        stack = np.stack(crops[start : start + BATCH]).transpose(0, 3, 1, 2)
        images = torch.from_numpy(np.ascontiguousarray(stack)).to(device).float() / 255
        uv = model(images).uv.cpu().numpy()
        found += [
            view.crop_to_image(points)
            for view, points in zip(views[start : start + BATCH], uv, strict=True)
        ]
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
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 88))
    tail = float(np.quantile(errors, 0.95))
    return {"photo_error": float(errors.mean()), "photo_error_p95": tail}


def draw_hand(photo: LabelledPhoto, uv: np.ndarray, side: int = 180) -> np.ndarray:
    """Return a (side, side, 3) RGB tile of the hand with the keypoints `uv` (photo pixels)."""
    ideal = Region.from_keypoints(photo.uv)
    view = CropView.from_region(photo.camera, Region(ideal.center, ideal.size), side)
    tile = view.sample(photo.image)
    points = np.round(view.image_to_crop(uv) * 8)
    if not np.isfinite(points).all():
        return tile
    whole = points.astype(int)
    for a, b in BONES:
        color = tuple(int(c) for c in KEYPOINT_COLORS[b])
        cv2.line(tile, whole[a].tolist(), whole[b].tolist(), color, 2, cv2.LINE_AA, 3)
    return tile
