"""Records of hands as other programs read them: a CSV table, hands as COCO-WholeBody has them.

Both are made of the records that `estimate` writes and the archive's JSON Lines have, see
docs/json_output.md: images with "name", "stamp", "camera" and "hands".
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hand_pose_25d.skeleton import KEYPOINT_NAMES

TABLES = {"csv": ".csv", "coco": ".coco.json"}
"""Formats, and what comes behind a file's stem."""

COCO_DESCRIPTION = "hands found by hand_pose_25d"
_PLAIN = ("track_id", "state", "handedness", "handedness_score", "score", "scale", "scale_source")
_BODY, _FOOT, _FACE = 17, 6, 68  # keypoints of COCO-WholeBody that are not of hands


def csv_columns() -> list[str]:
    """Return the table's columns: of the image, of the hand, then nine of each keypoint."""
    each = ("u", "v", "x", "y", "z", "sx", "sy", "sz", "confidence")
    keypoints = [f"{name}_{what}" for name in KEYPOINT_NAMES for what in each]
    return ["image", "stamp", *_PLAIN, "box_x", "box_y", "box_w", "box_h", *keypoints]


def write_table(name: str, images: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write images' records in one of `TABLES`; raises ValueError for another name."""
    if name not in TABLES:
        raise ValueError(f"a table's format is one of {', '.join(TABLES)}, got {name!r}")
    if name == "csv":
        _write_csv(images, path)
    else:
        path.write_text(json.dumps(coco_annotations(images)), encoding="utf-8")


def _write_csv(images: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write a row a hand; an unknown number is an empty cell, an image without hands no row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(csv_columns())
        for image in images:
            for hand in image["hands"]:
                row = [image["name"], image["stamp"], *(hand[key] for key in _PLAIN), *hand["box"]]
                parts = zip(
                    hand["keypoints_2d"], hand["keypoints"], hand["deviation"], hand["confidence"],
                    strict=True,
                )  # fmt: skip
                for pixel, point, deviation, confidence in parts:
                    row += [*pixel, *point, *deviation, confidence]
                writer.writerow(row)


def coco_annotations(images: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return hands as COCO-WholeBody annotates them, an annotation a hand.

    lefthand_* or righthand_* holds 21 x (u, v, 2) in the image's pixels, (0, 0, 0) where unknown;
    the other hand, face, foot and body are marked as not valid, and nobody knows whose they are.
    Beside these fields stand `track_id`, `score` and `keypoints_3d` (21 x (x, y, z), m, or null).
    """
    pictures: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        camera = image["camera"]
        size = {"width": camera["width"], "height": camera["height"]}
        pictures.append({"id": number, "file_name": image["name"], **size})
        for hand in image["hands"]:
            if hand["state"] != "lost":
                annotations.append(_annotation(len(annotations) + 1, number, hand))
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": [],
                "skeleton": []}  # fmt: skip
    found = {"info": {"description": COCO_DESCRIPTION}, "images": pictures}
    return found | {"annotations": annotations, "categories": [category]}


def _annotation(number: int, image: int, hand: Mapping[str, Any]) -> dict[str, Any]:
    box = [0.0 if value is None else value for value in hand["box"]]
    found: dict[str, Any] = {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0,
        "bbox": box, "area": box[2] * box[3],
        "keypoints": [0] * 3 * _BODY, "num_keypoints": 0,
        "foot_kpts": [0] * 3 * _FOOT, "foot_valid": False,
        "face_box": [0.0] * 4, "face_kpts": [0] * 3 * _FACE, "face_valid": False,
    }  # fmt: skip
    for side in ("left", "right"):
        seen = hand["handedness"] == side
        found[f"{side}hand_box"] = box if seen else [0.0] * 4
        found[f"{side}hand_kpts"] = _marked(hand["keypoints_2d"] if seen else [(None, None)] * 21)
        found[f"{side}hand_valid"] = seen
    found |= {key: hand[key] for key in ("track_id", "score")}
    return found | {"keypoints_3d": hand["keypoints"]}


def _marked(pixels: Sequence[Sequence[float | None]]) -> list[float]:
    """Return 21 x (u, v, 2), and (0, 0, 0) for what is not known, in one list."""
    marked: list[float] = []
    for u, v in pixels:
        marked += [0, 0, 0] if u is None or v is None else [u, v, 2]
    return marked
