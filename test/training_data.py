"""Small folders of training data: shards and labelled photographs, drawn, not rendered."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.labelled_hand import LabelledHand
from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import BONES, KEYPOINT_COLORS
from hand_pose_25d_train.datasets.shards import SceneSample, ShardWriter
from hand_pose_25d_train.evaluation.project.kinematic_hand import sample_hands

SIDE = 96


def draw_skeleton(uv: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Draw bones on grey: enough for a network to find."""
    image = np.full((side, side, 3), 90, np.uint8)
    whole = uv.round().astype(int)
    for a, b in BONES:
        color = tuple(int(c) for c in KEYPOINT_COLORS[b])
        cv2.line(image, whole[a].tolist(), whole[b].tolist(), color, 3)
    return image


def hand(rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Return (21, 3) metres in front of the camera, and whether it is a right hand."""
    hands = sample_hands(BoneLengthPrior.default(), 1, rng, distance=(0.45, 0.55))
    return hands.keypoints[0], bool(hands.is_right[0])


def write_shards(folder: Path, count: int, seed: int = 0) -> None:
    """Write one shard; every fourth image shows no hand."""
    rng = np.random.default_rng(seed)
    focal = 150.0
    K = np.array([[focal, 0, (SIDE - 1) / 2], [0, focal, (SIDE - 1) / 2], [0, 0, 1]])
    samples = []
    for i in range(count):
        if i % 4 == 3:
            blank = rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
            samples.append(SceneSample(blank, K, [], seed=i))
            continue
        points, is_right = hand(rng)
        uv = (points @ K.T)[:, :2] / points[:, 2:]
        label = LabelledHand(points, uv, np.ones(21, bool), is_right)
        samples.append(SceneSample(draw_skeleton(uv), K, [label], seed=i))
    ShardWriter(folder).write(0, samples)


def write_photos(folder: Path, labels: Path, count: int, seed: int = 1) -> None:
    """Write photographs named `D_IMG_NNNN.png`, their labels and a mask of the first."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    names, uvs, worlds = [], [], []
    for i in range(count):
        points, _ = hand(rng)
        uv = points[:, :2] / points[:, 2:] * 150 + (SIDE - 1) / 2
        names.append(f"{i % 10}_IMG_{1000 + i}.png")
        cv2.imwrite(str(folder / names[-1]), draw_skeleton(uv)[..., ::-1])
        uvs.append(uv)
        worlds.append(points - points.mean(0))
    labels.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        labels,
        names=np.array(names),
        uv=np.array(uvs, np.float32),
        world=np.array(worlds, np.float32),
        is_right=np.ones(count, bool),
        score=np.ones(count, np.float32),
        disagreement=np.zeros(count, np.float32),
    )
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 255
    labels.with_suffix("").mkdir()
    cv2.imwrite(str(labels.with_suffix("") / f"{names[0]}.mask.png"), mask)
