"""`hand-pose-25d mark`: mark the keypoints of single hands in photographs by hand.

`mark crops` cuts out the hands that a list names (CSV: file, x, y, width, height) and enlarges
them, with a grid of pixels of the crop, as pictures and as one HTML page on which the keypoints
are clicked; its CSV is to be copied from it.  `mark read` turns such a CSV (hand, right,
keypoint, u, v in pixels of the crop; a keypoint that is not seen is left out) into the YAML of
datasets/marks/photo_hands.yaml, and `--again` compares two markings of the same hands.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.boxes import Box
from hand_pose_25d.skeleton import KEYPOINT_NAMES, NUM_KEYPOINTS
from hand_pose_25d_train.labelling.records import read_boxes

CROP_SIDE, _MARGIN, _GRID = 800, 1.5, 100
"""Pixels of a crop's side, of its box's longer side, and between the lines of its grid."""
PAGE = Path(__file__).with_name("mark_page.html")
MOST_MISSING = 12
"""Keypoints of a hand that may be left out."""


@dataclass(frozen=True)
class MarkingCrop:
    """One hand to mark."""

    hand: str
    """file#number: the number of the hand in the list, from 0 on for each file."""
    file: str
    left: float
    top: float
    """Of the crop's first pixel's corner, in pixels of the photograph."""
    factor: float
    """Pixels of the crop for one of the photograph."""

    def to_photograph(self, uv: np.ndarray) -> np.ndarray:
        """(..., 2) pixels of the crop -> of the photograph; pixels' centres are whole numbers."""
        return (np.asarray(uv) + 0.5) / self.factor + (self.left, self.top) - 0.5

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Cut the (CROP_SIDE, CROP_SIDE, 3) crop out of an (H, W, 3) photograph."""
        origin = self.to_photograph(np.zeros(2))
        matrix = np.array([[1 / self.factor, 0, origin[0]], [0, 1 / self.factor, origin[1]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, (CROP_SIDE, CROP_SIDE), flags=flags)


def marking_crops(boxes: dict[str, list[Box]]) -> Iterator[MarkingCrop]:
    """Yield the crops of listed hands."""
    for file, listed in boxes.items():
        for number, (x, y, w, h) in enumerate(listed):
            extent = _MARGIN * max(w, h)
            left, top = x + (w - extent) / 2, y + (h - extent) / 2
            yield MarkingCrop(f"{file}#{number}", file, left, top, CROP_SIDE / extent)


def with_grid(crop: np.ndarray) -> np.ndarray:
    """Return the crop with numbered lines every `_GRID` pixels."""
    drawn = crop.copy()
    for at in range(_GRID, CROP_SIDE, _GRID):
        for start, end in (((at, 0), (at, CROP_SIDE)), ((0, at), (CROP_SIDE, at))):
            cv2.line(drawn, start, end, (255, 255, 255), 1)
        for place in ((at + 2, 12), (2, at - 3)):
            cv2.putText(drawn, str(at), place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1)
    return cv2.addWeighted(drawn, 0.6, crop, 0.4, 0)


def write_crops(folder: Path, listed: Path, out: Path) -> int:
    """Write OUT/NNN.png for each listed hand and OUT/mark.html; return their number.

    Raises FileNotFoundError where a photograph is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, crop in enumerate(marking_crops(read_boxes(listed))):
        image = cv2.imread(str(folder / crop.file))
        if image is None:
            raise FileNotFoundError(f"cannot read {folder / crop.file}, named in {listed}")
        pixels = crop.sample(image)
        cv2.imwrite(str(out / f"{number:03d}.png"), with_grid(pixels))
        encoded = cv2.imencode(".jpg", pixels)[1].tobytes()
        shown.append({"hand": crop.hand, "jpeg": base64.b64encode(encoded).decode()})
    page = PAGE.read_text().replace("/*HANDS*/", json.dumps(shown))
    page = page.replace("/*NAMES*/", json.dumps(list(KEYPOINT_NAMES)))
    (out / "mark.html").write_text(page)
    return len(shown)


def read_marks(path: Path, listed: Path) -> dict[str, tuple[bool, np.ndarray]]:
    """Read marks: {hand: (right, (21, 2) pixels of the photograph, NaN where not marked)}.

    Raises ValueError for a hand that is not listed, a wrong keypoint, or too few of them.
    """
    crops = {crop.hand: crop for crop in marking_crops(read_boxes(listed))}
    marks: dict[str, tuple[bool, np.ndarray]] = {}
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            hand, keypoint = row["hand"], int(row["keypoint"])
            if hand not in crops or not 0 <= keypoint < NUM_KEYPOINTS:
                raise ValueError(f"{path}: no hand {hand} with a keypoint {keypoint} in {listed}")
            unknown = np.full((NUM_KEYPOINTS, 2), np.nan)
            _, uv = marks.setdefault(hand, (row["right"] == "1", unknown))
            uv[keypoint] = crops[hand].to_photograph(np.array([float(row["u"]), float(row["v"])]))
    for hand, (_, uv) in marks.items():
        missing = int(np.isnan(uv[:, 0]).sum())
        if missing > MOST_MISSING:
            raise ValueError(f"{path}: {missing} of {hand}'s keypoints are missing")
    return marks


def disagreement_of_marks(
    a: dict[str, tuple[bool, np.ndarray]], b: dict[str, tuple[bool, np.ndarray]]
) -> np.ndarray:
    """Return the mean distances of hands marked twice, % of the longer side of the box: (N,)."""
    distances = []
    for hand in sorted(a.keys() & b.keys()):
        uv, again = a[hand][1], b[hand][1]
        side = (np.nanmax(uv, axis=0) - np.nanmin(uv, axis=0)).max()
        distances.append(100 * np.nanmean(np.linalg.norm(uv - again, axis=-1)) / side)
    return np.array(distances)


def yaml_of(folder: str, marks: dict[str, tuple[bool, np.ndarray]]) -> str:
    """Return the marks of one folder's photographs as YAML, as photo_hands.yaml has them."""
    by_file: dict[str, list[str]] = {}
    for hand, (right, uv) in marks.items():
        pairs = ", ".join(
            "[.nan, .nan]" if np.isnan(u) else f"[{u:.1f}, {v:.1f}]" for u, v in uv.tolist()
        )
        entry = f"  - {{right: {str(right).lower()}, uv: [{pairs}]}}"
        by_file.setdefault(hand.rsplit("#", 1)[0], []).append(entry)
    rows = [f"{folder}:"]
    for file, entries in by_file.items():
        rows += [f'  "{file}":', *entries]
    return "\n".join(rows) + "\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two steps."""
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    crops = steps.add_parser("crops", help="write crops with a grid, and the page to click on")
    read = steps.add_parser("read", help="read marks, print them as YAML")
    for step in (crops, read):
        step.add_argument("folder", type=Path, help="folder of photographs")
        step.add_argument("--hands", type=Path, required=True, metavar="CSV",
                          help="the hands: file, x, y, width, height")  # fmt: skip
    crops.add_argument("--out", type=Path, required=True, help="folder to write to")
    read.add_argument("--marks", type=Path, required=True, metavar="CSV",
                      help="hand, right, keypoint, u, v in pixels of the crop")  # fmt: skip
    read.add_argument("--again", type=Path, metavar="CSV",
                      help="the same hands marked again: print how far apart")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the crops, or read the marks."""
    if args.step == "crops":
        print(f"{write_crops(args.folder, args.hands, args.out)} hands, see {args.out}/mark.html")
        return 0
    marks = read_marks(args.marks, args.hands)
    if args.again:
        apart = disagreement_of_marks(marks, read_marks(args.again, args.hands))
        print(f"{len(apart)} hands marked twice: {apart.mean():.2f} % of the box apart, "
              f"{apart.max():.2f} % at most")  # fmt: skip
        return 0
    print(yaml_of(args.folder.name, marks), end="")
    return 0
