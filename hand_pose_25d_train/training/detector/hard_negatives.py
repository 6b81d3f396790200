"""Hard-negative mining: crops of what the detector takes for hands, with their true labels.

It runs on rendered scenes, photographed hands put before photographs, photographs of people, and
such without hands; the pose network runs on every detection as in the estimator, and the poses
are compared with the hands that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.boxes import box_iou
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.hypotheses import refine, search
from hand_pose_25d.inference.pose_network import PoseNetwork
from hand_pose_25d.io.images import list_images
from hand_pose_25d_train.datasets.backgrounds import read_rgb, shrunk
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.crops import collect
from hand_pose_25d_train.training.detector.renders import RenderFolder
from hand_pose_25d_train.training.detector.scenes import SceneHand, SceneSource

_MOST = 8
"""Detections of an image that are mined."""
SAME, FAR = 0.4, 0.05
"""Overlap (IoU) of a pose's box and a true hand's from which on it is that hand, and up to which
it is none; what lies between is left out."""
SEEN = 0.2
"""Share of a hand's keypoints that must be visible for it to count as one."""
SIDE = 480
"""Pixels of a composed scene."""
_PHOTO_SIDE = 720
"""The most pixels of a side of a photograph without hands."""
FOCAL = 1.0
"""Of the pinhole camera of photographs, in image widths."""

Image = tuple[np.ndarray, list[SceneHand]]


@dataclass
class MinedCrops:
    """Crops with their true labels."""

    crops: list[np.ndarray] = field(default_factory=list)
    """(S, S, 3) uint8 RGB."""
    labels: list[float] = field(default_factory=list)
    """1 where a hand is shown, else 0."""
    parts: list[int] = field(default_factory=list)
    """Which source a crop comes from."""

    def add(self, crop: np.ndarray, label: float, part: int) -> None:
        """Append one."""
        self.crops.append(crop)
        self.labels.append(label)
        self.parts.append(part)


def scenes(folder: Path, count: int) -> Iterator[Image]:
    """Yield rendered scenes and the hands in them."""
    source = RenderFolder(folder)
    for index in range(min(count, len(source))):
        scene = source[index]
        yield scene.image, scene.hands


def drawn(source: SceneSource, count: int, seed: int = 0) -> Iterator[Image]:
    """Yield scenes with real hands, so that real things are not all negatives."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        scene = source.draw(SIDE, rng)
        yield scene.image, scene.hands


def bare(folders: Sequence[Path], seed: int = 0) -> Iterator[Image]:
    """Yield photographs that show no hand: whole, mirrored, and two parts of each."""
    rng = np.random.default_rng(seed)
    for path in (path for folder in folders for path in list_images(folder)):
        photo = read_rgb(path)
        if photo is None:
            continue
        for share, mirror in ((1.0, False), (1.0, True), (0.7, False), (0.5, True)):
            height, width = (int(share * length) for length in photo.shape[:2])
            y = int(rng.integers(photo.shape[0] - height + 1))
            x = int(rng.integers(photo.shape[1] - width + 1))
            part = photo[y : y + height, x : x + width][:, :: -1 if mirror else 1]
            yield shrunk(part, _PHOTO_SIDE), []


def overlaps_any(uv: np.ndarray, hands: Sequence[SceneHand]) -> np.ndarray:
    """Return the IoU (N,) of the box around a pose (21, 2) px and those around N hands."""
    poses = np.array([uv, *(hand.uv for hand in hands)])
    low, high = poses.min(axis=1), poses.max(axis=1)
    boxes = np.hstack([low, high - low])
    return np.asarray(box_iou(boxes[:1], boxes[1:])[0])


def judge_detections(uv: np.ndarray, hands: list[SceneHand]) -> float | None:
    """Tell whether a pose (21, 2) px is one of the hands: 1 yes, 0 no, None unclear."""
    shared = overlaps_any(uv, hands)
    if not hands or shared.max() <= FAR:
        return None if any(_may_show(hand, uv) for hand in hands) else 0.0
    best = int(shared.argmax())
    if shared[best] >= SAME and hands[best].visible >= SEEN:
        return 1.0
    return None


def _may_show(hand: SceneHand, uv: np.ndarray) -> bool:
    """Tell whether the middle of a pose lies in the box of a hand that is hardly seen."""
    middle = (uv.min(axis=0) + uv.max(axis=0)) / 2
    inside = (middle >= hand.uv.min(axis=0)) & (middle <= hand.uv.max(axis=0))
    return hand.visible < SEEN and bool(inside.all())


def detected_crops(
    runtime: PoseNetwork, detector: Detector, image: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the crop (S, S, 3) and the pose (21, 2) px that every detection leads to."""
    height, width = image.shape[:2]
    center = ((width - 1) / 2, (height - 1) / 2)
    camera = Camera(FOCAL * width, FOCAL * width, *center, width, height)
    detections = detector.detect(image)
    if not detections:
        return
    frame = Frame(image, camera)
    first = search(runtime, frame, detections)
    second = refine(runtime, frame, first, detections)
    for landmarks in (first.landmarks, second.landmarks):
        for virtual, uv in zip(landmarks.cameras, landmarks.keypoints_2d, strict=True):
            if np.isfinite(uv).all():
                yield virtual.sample(image), uv


def own_crops(folder: Path, count: int, size: int, mined: MinedCrops) -> None:
    """Add rendered crops as the pose network is trained on; size: their side, pixels."""
    truth = collect(ShardDataset(folder, masks=False), 0, count, size)
    for crop, hand in zip(truth.crops, truth.hands, strict=True):
        if hand.visibility.mean() >= SEEN:
            mined.add(crop, 1.0, 0)
    for crop in truth.empty:
        mined.add(crop, 0.0, 0)


def mine_crops(
    sources: Sequence[Iterable[Image]], runtime: PoseNetwork, detector: Detector, mined: MinedCrops
) -> None:
    """Add what the detector takes for hands; each source is a part of its own, from 1 on."""
    for part, source in enumerate(sources, start=1):
        for image, hands in tqdm(source, unit="image", mininterval=5):
            for crop, uv in detected_crops(runtime, detector, image):
                label = judge_detections(uv, hands)
                if label is not None:
                    mined.add(crop, label, part)
