"""Shards of rendered images: how they are written, and how a trainer reads them.

A folder holds `shard-00000.npz`, `shard-00001.npz`, ... and `manifest.json`.  A shard holds

- per image (N): `jpeg_data` (uint8, the JPEGs one after the other), `jpeg_offsets` (N + 1,),
  `seed` (N,), `K` (N, 3, 3), `clip` (N,) clip number or -1, `frame` (N,), `stamp` (N,) s;
- per hand (H): `hand_image` (H,) the index of its image, `hand_id` (H,), `keypoints` (H, 21, 3) m
  in the camera's optical frame, `uv` (H, 21, 2) px, `visibility` (H, 21) bool, `is_right` (H,)
  bool, `bone_lengths` (H, 20) m, `box` (H, 4) x, y, w, h px of the keypoints, `mask_png_data`,
  `mask_png_offsets` (H + 1,): the hand's visible pixels as PNG.

Shards appear by rename, so that a reader never sees half a file; a reader may start while later
ones are still being written, and sees them after `refresh()`.

Shards store the joints of the rendered body; reading moves them to the keypoints that the network
is taught (io/rendered_joints.py).
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.images import decode_pixels
from hand_pose_25d.io.labelled_hand import LabelledHand, with_network_keypoints
from hand_pose_25d_train.datasets.archives import load_arrays

_FORMAT = 1


@dataclass
class SceneSample:
    """One rendered image and its hands; a `crops` image is about the first of them."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    K: np.ndarray
    """(3, 3) px."""
    hands: list[LabelledHand] = field(default_factory=list)
    seed: int = 0
    clip: int = -1
    frame: int = 0
    stamp: float = 0.0

    @property
    def keypoints(self) -> np.ndarray:
        """(H, 21, 3) m of all hands."""
        return np.array([h.keypoints for h in self.hands]).reshape(-1, 21, 3)

    @property
    def uv(self) -> np.ndarray:
        """(H, 21, 2) px."""
        return np.array([h.uv for h in self.hands]).reshape(-1, 21, 2)

    @property
    def visibility(self) -> np.ndarray:
        """(H, 21) bool."""
        return np.array([h.visibility for h in self.hands], dtype=bool).reshape(-1, 21)

    @property
    def is_right(self) -> np.ndarray:
        """(H,) bool."""
        return np.array([h.is_right for h in self.hands], dtype=bool)

    @property
    def hand_id(self) -> np.ndarray:
        """(H,) the same hand has the same id in all frames of a clip."""
        return np.array([h.hand_id for h in self.hands], dtype=np.int64)

    @property
    def box(self) -> np.ndarray:
        """(H, 4) x, y, w, h px."""
        return np.array([h.box for h in self.hands]).reshape(-1, 4)

    @property
    def mask(self) -> np.ndarray:
        """(height, width) uint8: 0, or the number (from 1) of the hand that is seen there."""
        image = np.zeros(self.image.shape[:2], np.uint8)
        for number, hand in enumerate(self.hands, start=1):
            if hand.mask is not None:
                image[hand.mask] = number
        return image


class ShardWriter:
    """Collects samples and writes a shard whenever it is full or closed."""

    def __init__(self, folder: Path, quality: int = 92) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.quality = quality

    def path(self, number: int) -> Path:
        """The file of a shard."""
        return self.folder / f"shard-{number:05d}.npz"

    def write(self, number: int, samples: list[SceneSample]) -> Path:
        """Write one shard (atomically) and return its path."""
        hands = [(i, hand) for i, sample in enumerate(samples) for hand in sample.hands]
        jpegs = [self._encode(sample.image) for sample in samples]
        masks = [_png(hand.mask, samples[i].image.shape[:2]) for i, hand in hands]

        def per_hand(values: list, shape: tuple, dtype) -> np.ndarray:
            return np.array(values, dtype=dtype).reshape((len(hands), *shape))

        arrays = {
            "format": np.array(_FORMAT),
            "jpeg_data": np.concatenate(jpegs) if jpegs else np.zeros(0, np.uint8),
            "jpeg_offsets": _offsets(jpegs),
            "seed": np.array([s.seed for s in samples], dtype=np.int64),
            "K": np.array([s.K for s in samples], dtype=np.float64).reshape(-1, 3, 3),
            "clip": np.array([s.clip for s in samples], dtype=np.int64),
            "frame": np.array([s.frame for s in samples], dtype=np.int64),
            "stamp": np.array([s.stamp for s in samples], dtype=np.float64),
            "hand_image": per_hand([i for i, _ in hands], (), np.int64),
            "hand_id": per_hand([h.hand_id for _, h in hands], (), np.int64),
            "keypoints": per_hand([h.keypoints for _, h in hands], (21, 3), np.float32),
            "uv": per_hand([h.uv for _, h in hands], (21, 2), np.float32),
            "visibility": per_hand([h.visibility for _, h in hands], (21,), bool),
            "is_right": per_hand([h.is_right for _, h in hands], (), bool),
            "bone_lengths": per_hand([h.bone_lengths for _, h in hands], (20,), np.float32),
            "box": per_hand([h.box for _, h in hands], (4,), np.float32),
            "mask_png_data": np.concatenate(masks) if masks else np.zeros(0, np.uint8),
            "mask_png_offsets": _offsets(masks),
        }
        path = self.path(number)
        temporary = self.folder / f".{path.stem}.{os.getpid()}.npz"
        np.savez(temporary, **arrays)
        temporary.replace(path)
        return path

    def _encode(self, image: np.ndarray) -> np.ndarray:
        ok, data = cv2.imencode(
            ".jpg",
            np.ascontiguousarray(image[:, :, ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, self.quality],
        )
        if not ok:
            raise ValueError(f"could not encode an image of shape {image.shape}")
        return data.ravel()


class ShardDataset:
    """Random access to the samples of a folder; keeps the last few shards in memory."""

    def __init__(
        self, folder: Path | str, keep: int = 4, masks: bool = True, convert: bool = True
    ) -> None:
        """`convert`: give the network's keypoints, not the body's joints."""
        self.folder = Path(folder)
        self.masks = masks
        self.convert = convert
        self._keep = keep
        self._shards: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        self.files: list[Path] = []
        self._ends: list[int] = []
        self.refresh()
        if not self.files:
            raise FileNotFoundError(
                f"no shards (shard-*.npz) in {self.folder}; write some with 'hand-pose-25d render'"
            )

    def refresh(self) -> int:
        """Look for new shards; return the number of images."""
        for file in sorted(self.folder.glob("shard-*.npz")):
            if file not in self.files:
                count = len(load_arrays(file, ["seed"])["seed"])
                self.files.append(file)
                self._ends.append((self._ends[-1] if self._ends else 0) + count)
        return len(self)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> SceneSample:
        shard, i = self._locate(index)
        hands = [self._hand(shard, h) for h in np.flatnonzero(shard["hand_image"] == i)]
        if self.convert:
            hands = [with_network_keypoints(hand, shard["K"][i]) for hand in hands]
        return SceneSample(
            image=self._image(shard, i),
            K=shard["K"][i],
            hands=hands,
            seed=int(shard["seed"][i]),
            clip=int(shard["clip"][i]),
            frame=int(shard["frame"][i]),
            stamp=float(shard["stamp"][i]),
        )

    def _locate(self, index: int) -> tuple[dict[str, np.ndarray], int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)} in {self.folder}")
        index %= len(self)
        number = int(np.searchsorted(self._ends, index, side="right"))
        start = self._ends[number - 1] if number else 0
        if number not in self._shards:
            self._shards[number] = load_arrays(self.files[number])
            if len(self._shards) > self._keep:
                self._shards.popitem(last=False)
        self._shards.move_to_end(number)
        return self._shards[number], index - start

    @staticmethod
    def _image(shard: dict[str, np.ndarray], i: int) -> np.ndarray:
        start, end = shard["jpeg_offsets"][i : i + 2]
        image = decode_pixels(shard["jpeg_data"][start:end], cv2.IMREAD_COLOR)
        return np.ascontiguousarray(image[:, :, ::-1])

    def _hand(self, shard: dict[str, np.ndarray], h: int) -> LabelledHand:
        mask = None
        if self.masks:
            start, end = shard["mask_png_offsets"][h : h + 2]
            png = shard["mask_png_data"][start:end]
            mask = decode_pixels(png, cv2.IMREAD_GRAYSCALE) > 127
        return LabelledHand(
            keypoints=shard["keypoints"][h],
            uv=shard["uv"][h],
            visibility=shard["visibility"][h],
            is_right=bool(shard["is_right"][h]),
            hand_id=int(shard["hand_id"][h]),
            mask=mask,
        )


def write_manifest(folder: Path, **entries: object) -> None:
    """Write (atomically) what a folder holds and how to make it again."""
    temporary = Path(folder) / f".manifest.{os.getpid()}.json"
    temporary.write_text(json.dumps({"format": _FORMAT, **entries}, indent=1, default=str) + "\n")
    temporary.replace(Path(folder) / "manifest.json")


def _offsets(blobs: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(b) for b in blobs])]).astype(np.int64)


def _png(mask: np.ndarray | None, size: tuple[int, ...]) -> np.ndarray:
    image = np.zeros(size, np.uint8) if mask is None else mask.astype(np.uint8) * 255
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].ravel()
