"""`hand-pose-25d sheet`: draw labelled photographs on contact sheets, to check them by eye.

A tile shows one labelled hand with its bones, its name and row (`name#row`, as `label --drop`
takes it) and L or R; with `--boxes` one box, drawn green where it surely holds a hand.  The worst
agreements come first.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.boxes import Box, box_around
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.labelling.photo_folder import photo_folder
from hand_pose_25d_train.pictures import draw_bones, grid

MARGIN = 1.7
"""A tile's side over the longer side of the hand's box."""
_GREEN, _YELLOW = (60, 220, 60), (240, 220, 40)


def hand_tile(
    image: np.ndarray, box: Box, side: int, uv: np.ndarray | None = None, text: str = ""
) -> np.ndarray:
    """Return a (side, side, 3) RGB tile around a box (x, y, w, h), with bones and a caption."""
    extent = max(box[2], box[3], 8.0) * MARGIN
    factor = side / extent
    left, top = box[0] + box[2] / 2 - extent / 2, box[1] + box[3] / 2 - extent / 2
    shift = np.array([left, top])
    matrix = np.array([[factor, 0, -factor * left], [0, factor, -factor * top]])
    tile = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR)
    if uv is not None:
        draw_bones(tile, (uv - shift) * factor, max(1, side // 110))
    cv2.putText(tile, text, (2, side - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.32, _YELLOW, 1)
    return tile


def label_tiles(folder: Path, labels: Path, side: int, boxes: bool) -> list[np.ndarray]:
    """Return the tiles of a label file's hands, or of its boxes.

    Raises FileNotFoundError where a photograph is missing, ValueError where the file has no boxes.
    """
    table = load_arrays(labels)
    if boxes and "boxes" not in table:
        raise ValueError(f"{labels} has no boxes: only `label --consensus` writes them")
    tiles = []
    if boxes:
        for name, box, certain in zip(
            table["box_names"], table["boxes"], table["box_certain"], strict=True
        ):
            tile = hand_tile(_read(folder / str(name)), tuple(box.tolist()), side, None, str(name))
            corner, far = round(side * (0.5 - 0.5 / MARGIN)), round(side * (0.5 + 0.5 / MARGIN))
            cv2.rectangle(tile, (corner,) * 2, (far,) * 2, _GREEN if certain else _YELLOW, 1)
            tiles.append(tile)
        return tiles
    for row in np.argsort(-table["disagreement"]):
        name, uv = str(table["names"][row]), table["uv"][row].astype(np.float64)
        letter = "R" if table["is_right"][row] else "L"
        text = f"{letter} {100 * table['disagreement'][row]:.0f} {Path(name).stem[-22:]}"
        tiles.append(hand_tile(_read(folder / name), box_around(uv), side, uv, text))
    return tiles


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f"cannot read {path}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_sheets(tiles: list[np.ndarray], out: Path, columns: int, rows: int) -> list[Path]:
    """Write tiles as OUT-00.png, OUT-01.png, ...; return the paths."""
    out.parent.mkdir(parents=True, exist_ok=True)
    each, paths = columns * rows, []
    for page in range(math.ceil(len(tiles) / each)):
        path = out.with_name(f"{out.name}-{page:02d}.png")
        picture = grid(tiles[page * each : (page + 1) * each], columns)
        cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]))
        paths.append(path)
    return paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("photos", type=photo_folder, metavar="DIR=NPZ")
    parser.add_argument("--out", type=Path, required=True, help="OUT-00.png and so on")
    parser.add_argument("--boxes", action="store_true", help="the boxes instead of the labels")
    parser.add_argument("--side", type=int, default=130, help="of a tile, pixels")
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--rows", type=int, default=8)


def run(args: argparse.Namespace) -> int:
    """Draw the sheets."""
    folder, labels = args.photos
    tiles = label_tiles(folder, labels, args.side, args.boxes)
    paths = write_sheets(tiles, args.out, args.columns, args.rows)
    print(f"{len(tiles)} tiles on {len(paths)} sheets")
    return 0
