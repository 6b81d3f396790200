"""Photographs of people with marked hands, as marks/people_boxes.yaml and people_hands.yaml name
them: to judge by, and to train on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_25d.io.yaml import read_yaml
from hand_pose_25d_train.datasets.backgrounds import read_rgb


def people_photos(folder: Path, file: Path) -> Iterator[tuple[np.ndarray, float, list[Any]]]:
    """Yield the photographs (H, W, 3) RGB as they are, how much larger they were when their hands
    were marked, and the marks, in pixels of then.

    Raises FileNotFoundError where one is missing, ValueError where it is no image.
    """
    document = read_yaml(file)
    side = document["longer_side"]
    for name, marks in document["photographs"].items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"no such photograph: {path} (named in {file.name})")
        image = read_rgb(path)
        if image is None:
            raise ValueError(f"{path} is not an image that OpenCV reads")
        yield image, side / max(image.shape[:2]), marks
