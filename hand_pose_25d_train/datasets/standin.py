"""Stand-ins for the public datasets: our own hands, written in a dataset's on-disk format.

The datasets cannot be passed on, but their formats can: a stand-in takes the whole path from files
to table.  Every folder gets a STANDIN.json, and `hand-pose-25d evaluate` says so in its report.

A hand comes from a rendered crop, or is drawn, for tests.  A dataset with fixed cameras needs
it in that camera: a camera that turns about its own centre sees the same scene by a homography, so
image and annotations move together exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.skeleton import FINGERS
from hand_pose_25d_train.datasets.sample import Sample, intrinsics, project, unknown
from hand_pose_25d_train.pictures import draw_bones

MARKER = "STANDIN.json"


@dataclass
class Hand:
    """A hand to be written: the sample and its (H, W) bool mask."""

    sample: Sample
    mask: np.ndarray


def mirrored_hand(hand: Hand) -> Hand:
    """Return the hand as a mirror shows it: a left hand for a right one, exact in 3D."""
    s = hand.sample
    width = s.image.shape[1]
    K = s.K.copy()  # noqa: N806
    K[0, 2] = width - 1 - K[0, 2]
    sample = replace(
        s,
        image=np.ascontiguousarray(s.image[:, ::-1]),
        K=K,
        uv=s.uv * (-1, 1) + (width - 1, 0),
        xyz=s.xyz * (-1, 1, 1),
        is_right=not s.is_right,
    )
    return Hand(sample, np.ascontiguousarray(hand.mask[:, ::-1]))


def placed(
    hand: Hand,
    K: np.ndarray,  # noqa: N803
    size: tuple[int, int],
    rng: np.random.Generator,
    roll: float = 0.6,
) -> Hand | None:
    """Return the hand as a camera (3, 3) with an image of (width, height) sees it, or None.

    The camera turns so that the hand lies anywhere it fits, with a roll of standard deviation
    `roll` radians; None where the hand is larger than the image.
    """
    s = hand.sample
    center = unit(s.xyz.mean(0))
    angle = rng.normal(0, roll)
    turn = cv2.Rodrigues(np.array([0.0, 0.0, angle]))[0] @ rotation_between(center, (0, 0, 1))
    for _ in range(20):
        target = rng.uniform(0.2, 0.8, 2) * size
        ray = unit(np.array([*((target - K[:2, 2]) / (K[0, 0], K[1, 1])), 1.0]))
        rotation = rotation_between((0, 0, 1), ray) @ turn
        xyz = s.xyz @ rotation.T
        uv = project(xyz, K)
        inside = (uv > 4).all() and (uv < np.array(size) - 5).all() and (xyz[:, 2] > 0).all()
        if inside:
            break
    else:
        return None
    homography = K @ rotation @ np.linalg.inv(s.K)
    image, mask = warp_picture(s.image, hand.mask, homography, size)
    sample = replace(s, image=image, K=K, uv=uv, xyz=xyz, box=None)
    return Hand(sample, mask)


def warp_picture(
    image: np.ndarray, mask: np.ndarray, homography: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Move an image and its mask; what lies beyond the image is its own blurred content."""
    corner = np.array(image.shape[1::-1]) / 2.0
    shrink = 1 / np.sqrt(max(abs(local_area(homography, corner)), 1e-12))
    if shrink > 1.2:  # smooth away what the smaller image cannot show
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * shrink)
    surround = cv2.resize(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 8), size)
    inside = np.zeros(image.shape[:2], np.float32)
    edge = max(2, image.shape[1] // 25)
    inside[edge:-edge, edge:-edge] = 1
    soft = cv2.blur(inside, (2 * edge - 1, 2 * edge - 1))
    share = cv2.warpPerspective(soft, homography, size)[..., None]
    moved = cv2.warpPerspective(image, homography, size, borderMode=cv2.BORDER_REPLICATE)
    image = np.rint(moved * share + surround * (1 - share)).astype(np.uint8)
    return image, cv2.warpPerspective(mask.astype(np.uint8), homography, size) > 0


def local_area(homography: np.ndarray, point: np.ndarray) -> float:
    """Return by how much a homography enlarges areas at a (2,) point."""
    weight = homography[2] @ (point[0], point[1], 1.0)
    return float(np.linalg.det(homography) / weight**3)


def rotation_between(source: np.ndarray | tuple, target: np.ndarray | tuple) -> np.ndarray:
    """Return the smallest rotation (3, 3) that takes one unit vector to another."""
    axis = np.cross(source, target)
    sine, cosine = float(np.linalg.norm(axis)), float(np.dot(source, target))
    if sine < 1e-12:
        return np.eye(3)
    return cv2.Rodrigues(axis / sine * np.arctan2(sine, cosine))[0]


def unit(vector: np.ndarray) -> np.ndarray:
    """Return the vector with length 1."""
    return vector / np.linalg.norm(vector)


def rendered_hands(folder: Path) -> Iterator[Hand]:
    """Yield the hands of the renderer's shards (`hand-pose-25d render`), one an image."""
    from hand_pose_25d_train.datasets.shards import ShardDataset

    shards = ShardDataset(folder)
    for index in range(len(shards)):
        scene = shards[index]
        if not scene.hands:
            continue
        hand = scene.hands[0]  # the one that the crop is about
        sample = Sample(
            name=f"render-{index}",
            image=scene.image,
            K=scene.K,
            uv=hand.uv,
            xyz=hand.keypoints,
            valid=np.ones(21, bool),
            visibility=hand.visibility,
            is_right=hand.is_right,
        )
        yield Hand(sample, hull_mask(sample) if hand.mask is None else hand.mask)


def drawn_hands(count: int, seed: int = 0, size: int = 160) -> Iterator[Hand]:
    """Yield stick-figure hands with exact annotations, for tests: no renderer is needed."""
    rng = np.random.default_rng(seed)
    K = intrinsics(1.6 * size, 1.6 * size, (size - 1) / 2, (size - 1) / 2)  # noqa: N806
    for index in range(count):
        flat = drawn_pose(rng)
        turn = cv2.Rodrigues(rng.normal(0, 0.35, 3))[0]
        xyz = (flat - flat.mean(0)) @ turn.T + (0.0, 0.0, rng.uniform(0.42, 0.6))
        uv = project(xyz, K)
        noise = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        image = np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR))
        draw_bones(image, uv, 5)
        sample = Sample(
            name=f"drawn-{index}",
            image=image,
            K=K,
            uv=uv,
            xyz=xyz,
            valid=np.ones(21, bool),
            visibility=(rng.random(21) > 0.2).astype(np.float64),
            is_right=True,
        )
        yield Hand(sample, hull_mask(sample))


def drawn_pose(rng: np.random.Generator) -> np.ndarray:
    """Return a right hand (21, 3) in metres, fingers up (-y), palm towards the camera, curled."""
    lengths = {
        "thumb": (0.045, 0.038, 0.031, 0.026),
        "index": (0.092, 0.042, 0.026, 0.021),
        "middle": (0.090, 0.046, 0.030, 0.022),
        "ring": (0.085, 0.042, 0.028, 0.022),
        "little": (0.081, 0.033, 0.021, 0.019),
    }
    # A right palm seen from its inside has the thumb on the viewer's left.
    spread = dict(zip(FINGERS, np.radians((-55.0, -15.0, 0.0, 12.0, 25.0)), strict=True))
    pose = np.zeros((21, 3))
    size = rng.uniform(0.9, 1.1)
    for finger, (base, *rest) in FINGERS.items():
        angle, bend = spread[finger] + rng.normal(0, 0.05), 0.0
        point = np.zeros(3)
        for joint, length in zip((base, *rest), lengths[finger], strict=True):
            direction = np.array([np.sin(angle), -np.cos(angle), 0.0]) * np.cos(bend)
            point = point + size * length * (direction - (0, 0, np.sin(bend)))
            pose[joint] = point
            bend += rng.uniform(0.0, 0.5)
    return pose


def hull_mask(sample: Sample) -> np.ndarray:
    """Return the (H, W) hull of the keypoints, widened by a finger's half width."""
    mask = np.zeros(sample.image.shape[:2], np.uint8)
    hull = cv2.convexHull(sample.uv.astype(np.float32))
    cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), (1,))
    width = int(0.04 * max(np.ptp(sample.uv, axis=0))) | 1
    return cv2.dilate(mask, np.ones((width, width), np.uint8)) > 0


def without_3d(sample: Sample) -> Sample:
    """Return the sample as a 2D-only dataset has it."""
    return replace(sample, K=unknown(3, 3), xyz=unknown(21, 3), visibility=unknown(21))


def mark(folder: Path, dataset: str, source: str, count: int) -> None:
    """Leave the note that this is no dataset."""
    note = {"dataset": dataset, "source": source, "samples": count}
    (folder / MARKER).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


def read_mark(folder: Path) -> dict | None:
    """Return the note of a stand-in's folder, None for what has none."""
    path = Path(folder) / MARKER
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
