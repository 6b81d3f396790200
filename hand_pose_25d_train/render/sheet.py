"""A contact sheet: 64 samples in one picture, the labels drawn on every second."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d_train.render.bulk import Job, make_sampler
from hand_pose_25d_train.render.scene.crops import draw_labels

_COLUMNS, COUNT = 8, 64


def render_sheet(job: Job, path: Path, side: int = 160) -> None:
    """Render the job's first samples into a picture at `path`."""
    sampler = make_sampler(job)
    tiles = []
    for i in range(COUNT):
        sample = sampler(job.first_seed + i)
        image = draw_labels(sample.image, sample) if i % 2 else sample.image
        scale = side / image.shape[0]
        tiles.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, COUNT, _COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.vstack(rows)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85]):
        raise ValueError(f"could not write {path}; use a name that ends in .jpg or .png")
