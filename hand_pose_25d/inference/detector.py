"""Detector: where hands are in a whole image, which way they point, and their handedness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.backends.base import Backend, whole
from hand_pose_25d.inference.detection import Detection, HandDetector
from hand_pose_25d.inference.hand_evidence import lowest_score
from hand_pose_25d.inference.load import load_backend
from hand_pose_25d.inference.looks import LARGEST_STRIDE, Look, LookInput, look_input, parts_of

__all__ = ["Detection", "Detector", "HandDetector", "set_threshold"]

DEFAULT_THRESHOLD = 0.5
"""Best for video: MOTA on clips (docs/accuracy.md)."""
_DEFAULT_SIZES = (256, 128)
"""Longer sides of the input, for a network that does not say its own."""
ROW_LENGTH = 12
"""Numbers that `rows_of` returns of a cell."""
MOST_PASSES, LARGEST_SIZE = 8, 8192
"""Of an image, and of the network's input, in pixels."""
SAME_HAND_IOU = 0.4
"""Cells whose regions overlap more speak of one hand."""
INSIDE, INSIDE_RATIO = 0.7, 2.5
"""A weaker cell's region that lies in a stronger one's, or around it, by this share of the smaller
one's area shows a part of that hand, unless its size differs by more than this factor."""
TRUST = 8
"""Power of the score by which the cells of one hand are averaged: the best ones decide."""
SMALLEST_REGION = 4.0
"""Pixels of the network's input; anything smaller is noise."""
SINGLE_IMAGE_FACTOR = 1.5
"""Of `sizes`, where no further image follows in which a small hand could be found."""


class Detector:
    """The shipped detector.  Holds no state between images, so threads may share it."""

    def __init__(
        self,
        device: str = "cpu",
        weights: str | Path | object | None = None,
        threshold: float = DEFAULT_THRESHOLD,
        sizes: Sequence[int] | None = None,
        max_hands: int = 20,
        *,
        backend: str = "auto",
        precision: str = "auto",
        threads: int = 0,
    ) -> None:
        """Load the network.

        Args:
            weights: a shipped network's name, a .safetensors file, an exported graph, or a torch
                module; default: "detector".
            threshold: score from which a detection is reported, in (0, 1); see `propose`.
            sizes: longer sides, in pixels, to which the image is scaled; a pass over each.  Large
                ones find small hands, small ones hands that fill the image.  Default: the weights'
                own.
            max_hands: the best-scored ones are reported.
            device, backend, precision, threads: see `inference.load.load_backend`.

        Raises FileNotFoundError or ValueError where the weights are missing or another network's,
        and what `load_backend` raises.
        """
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
        self.threshold, self.max_hands = threshold, max_hands
        self.backend: Backend = load_backend(
            weights or "detector", "detector", device, backend, precision, threads
        )
        own = self.backend.config.get("sizes", _DEFAULT_SIZES)
        self.sizes = tuple(own if sizes is None else sizes)
        if not 1 <= len(self.sizes) <= MOST_PASSES:
            raise ValueError(f"sizes must be 1 to {MOST_PASSES}, got {len(self.sizes)}")
        for size in self.sizes:
            whole("each of sizes", size, LARGEST_STRIDE)
            if size > LARGEST_SIZE:
                raise ValueError(f"sizes must be of at most {LARGEST_SIZE} pixels, got {size}")

    @property
    def name(self) -> str:
        """Backend, device, arithmetic and threads, for people."""
        return self.backend.name

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find hands in an (H, W, 3) uint8 RGB image, best first.

        Raises ValueError where the image is of another kind.
        """
        return self._detect(image, [Look(size) for size in self.sizes], self.threshold)

    def detect_single(self, image: np.ndarray) -> list[Detection]:
        """Find hands as `detect` does, in larger passes: more small ones, in 2.3 times the time.

        For an image that is no part of a video.
        """
        return self._detect(image, self._looks(SINGLE_IMAGE_FACTOR), self.threshold)

    def propose(self, image: np.ndarray, factor: float = SINGLE_IMAGE_FACTOR) -> list[Detection]:
        """Find what may be a hand, for hand_evidence.py to judge; `factor`: of `sizes`."""
        return self._detect(image, self._looks(factor), lowest_score(self.threshold))

    def _looks(self, factor: float) -> list[Look]:
        return [Look(round(factor * size)) for size in self.sizes]

    @property
    def parts(self) -> int:
        """Number of parts of about equal cost in which `detect_parts` can look at images.

        1 on a GPU, where a whole look costs no more.
        """
        return len(parts_of(self.sizes)) if self.backend.device == "cpu" else 1

    def detect_parts(self, image: np.ndarray, parts: Sequence[int]) -> list[Detection]:
        """Find the hands that those parts, of 0 .. `parts` - 1, of a look show, best first."""
        if self.parts == 1:
            return self.detect(image) if parts else []
        looks = parts_of(self.sizes)
        due = [look for part in parts for look in looks[part]]
        return self._detect(image, due, self.threshold)

    def _detect(self, image: np.ndarray, looks: Sequence[Look], least: float) -> list[Detection]:
        check_image(image)
        rows = [np.empty((0, ROW_LENGTH))]
        for look in looks:
            given = look_input(image, look)
            rows.append(rows_of(self.backend(given.images), 0, least, given))
        return postprocess(np.concatenate(rows), self.max_hands)


def load_detector(
    detector: HandDetector | str | Path | None,
    threshold: float | None = None,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    threads: int = 0,
) -> HandDetector:
    """Make our own detector ready to run (None: the shipped weights), or take another as it is.

    Raises what `Detector` raises, and ValueError for a threshold beside another's detector.
    """
    if detector is None or isinstance(detector, (str, Path)):
        detector = Detector(
            device, detector, backend=backend, precision=precision, threads=threads
        )
    if threshold is not None:
        set_threshold(detector, threshold)
    return detector


def set_threshold(detector: object, threshold: float) -> None:
    """Set the score, in (0, 1), from which on our own detector reports something.

    Raises ValueError where the detector is another's.
    """
    if not isinstance(detector, Detector):
        raise ValueError(
            "detector_threshold is of the package's own detector, not of "
            f"{type(detector).__name__}: leave it out"
        )
    detector.threshold = threshold


def check_image(image: np.ndarray) -> None:
    """Raise ValueError unless the image is (H, W, 3) uint8 and not empty."""
    if (
        not isinstance(image, np.ndarray)
        or image.ndim != 3
        or image.shape[2] != 3
        or image.dtype != np.uint8
        or image.size == 0
    ):
        shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", type(image).__name__)
        raise ValueError(f"an image must be (H, W, 3) uint8 RGB, got {shape} {dtype}")


def rows_of(
    cells: Mapping[str, np.ndarray], index: int, threshold: float, given: LookInput
) -> np.ndarray:
    """Return the cells of one image above the threshold, as rows in pixels of the original image.

    `cells`: the network's outputs by name, for `given`.  (M, 12): score, box (left, top, right,
    bottom), region's centre (2), size, direction (2), logit of right, 1.
    """
    logit = cells["score"][index]
    chosen = (logit > math.log(threshold / (1 - threshold))) & (
        cells["size"][index] > SMALLEST_REGION
    )
    rows = np.ones((int(chosen.sum()), ROW_LENGTH))
    rows[:, 0] = 1 / (1 + np.exp(-logit[chosen].astype(np.float64)))
    rows[:, 1:5] = cells["box"][index][chosen]
    rows[:, 5:7] = cells["center"][index][chosen]
    rows[:, 7] = cells["size"][index][chosen]
    rows[:, 8:10] = cells["direction"][index][chosen]
    rows[:, 10] = cells["right"][index][chosen]
    rows[:, 1:7] = (rows[:, 1:7] + given.offset * 3 + 0.5) / given.scale - 0.5
    rows[:, 7] /= given.scale
    first, last = given.owned
    along = rows[:, 5 + given.axis]
    return rows[np.isfinite(rows).all(axis=1) & (along >= first) & (along < last)]


def postprocess(rows: np.ndarray, max_hands: int) -> list[Detection]:
    """Merge the rows that speak of one hand: their weighted mean; the best score stays.

    The averaging is that of BlazeFace (Bazarevsky et al., 2019, Section 3.4): it steadies the
    regions between images, which taking the best row alone does not.
    """
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    detections: list[Detection] = []
    while len(rows) and len(detections) < max_hands:
        overlap, inside = overlaps(rows[0], rows)
        same = overlap > SAME_HAND_IOU
        same[0] = True
        mean = np.average(rows[same], axis=0, weights=rows[same, 0] ** TRUST)
        detections.append(_detection(float(rows[0, 0]), mean))
        rows = rows[~same & (inside < INSIDE)]
    return detections


def overlaps(row: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how one row's region square overlaps each row's.

    (M,) intersection over union, and (M,) the share of the smaller one that lies in the larger
    one; 0 where their sizes differ by more than `INSIDE_RATIO`.
    """
    half = (row[7] + rows[:, 7]) / 2
    smaller, larger = np.minimum(row[7], rows[:, 7]), np.maximum(row[7], rows[:, 7])
    sides = np.clip(half[:, None] - np.abs(row[5:7] - rows[:, 5:7]), 0, smaller[:, None])
    common = sides.prod(axis=1)
    union = row[7] ** 2 + rows[:, 7] ** 2 - common
    return common / union, np.where(larger < INSIDE_RATIO * smaller, common / smaller**2, 0.0)


def _detection(score: float, row: np.ndarray) -> Detection:
    left, top, right, bottom = (float(v) for v in row[1:5])
    angle = math.atan2(row[8], -row[9])
    region = Region((float(row[5]), float(row[6])), float(row[7]), angle)
    width, height = max(right - left, 1.0), max(bottom - top, 1.0)
    probability = 1 / (1 + math.exp(-min(max(row[10], -30.0), 30.0)))
    return Detection((left, top, width, height), score, probability, angle, region)
