"""Rendered crops on their way into a pool, while other processes may still render."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.io.images import decode_pixels
from hand_pose_25d.io.rendered_joints import to_network_keypoints
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.datasets.training_images import TrainingImage
from hand_pose_25d_train.training.pose.pools import Pool

POLL_SECONDS = 1.0
_PATIENCE = 120.0
"""Seconds in which the first shard must come."""

logger = logging.getLogger(__name__)


def wait_for_side(folders: list[Path], patience: float = _PATIENCE) -> int:
    """Return the side of the rendered crops, px, as soon as there is a shard.

    Raises FileNotFoundError where none comes within `patience` seconds.
    """
    start = time.monotonic()
    while True:
        for file in shards(folders):
            return ShardDataset(file.parent, masks=False)[0].image.shape[0]
        if time.monotonic() - start > patience:
            raise FileNotFoundError(
                f"no shards (shard-*.npz) in {', '.join(map(str, folders))} after "
                f"{patience:.0f} s; 'hand-pose-25d render --mode crops' writes some"
            )
        time.sleep(POLL_SECONDS / 4)


def shards(folders: list[Path]) -> list[Path]:
    """Return the shards that are there now."""
    return [file for folder in folders for file in sorted(folder.glob("shard-*.npz"))]


class Arrivals:
    """Reads the shards of some folders into a pool, each once, also those that come later."""

    def __init__(self, folders: list[Path], pool: Pool) -> None:
        self._folders = folders
        self._pool = pool
        self._read: set[Path] = set()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def load(self) -> int:
        """Read what is there; return the number of crops."""
        self._refresh()
        return self._pool.written

    def follow(self) -> None:
        """Go on reading in a thread until `end`."""
        threading.Thread(target=self._follow, daemon=True, name="arrivals").start()

    def end(self) -> None:
        """Read no more."""
        self._ended.set()
        with self._lock:  # a shard that is being read comes in whole
            logger.info("%d rendered crops came in", self._pool.written)

    def _follow(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                self._refresh()
            except Exception:
                logger.exception("reading new renders")
                return

    def _refresh(self) -> None:
        for file in shards(self._folders):
            if file not in self._read and not self._ended.is_set():
                with self._lock:
                    self._read.add(file)
                    self._pool.extend(read_crops(file))


def read_crops(file: Path) -> list[TrainingImage]:
    """Read a shard of rendered crops, all at once: one by one costs much more."""
    wanted = ("jpeg_data", "jpeg_offsets", "K", "hand_image", "keypoints", "is_right")
    stored = load_arrays(file, wanted)
    data, offsets, K, hand_image, keypoints, is_right = (stored[n] for n in wanted)  # noqa: N806
    shown, first = np.unique(hand_image, return_index=True)
    keypoints = to_network_keypoints(keypoints[first], is_right[first]).astype(np.float64)
    uvw = keypoints @ K[shown].transpose(0, 2, 1)
    uv = uvw[..., :2] / uvw[..., 2:]

    def decode(i: int) -> np.ndarray:
        image = decode_pixels(data[offsets[i] : offsets[i + 1]], cv2.IMREAD_COLOR)
        return np.ascontiguousarray(image[:, :, ::-1])

    with ThreadPoolExecutor(4) as threads:
        found = [
            TrainingImage(image, rendered=True) for image in threads.map(decode, range(len(K)))
        ]
    for i, points, pixels, right in zip(shown, keypoints, uv, is_right[first], strict=True):
        height, width = found[i].image.shape[:2]
        found[i].camera = Camera.from_matrix(K[i], width, height)
        found[i].keypoints, found[i].uv, found[i].is_right = points, pixels, bool(right)
    return found
