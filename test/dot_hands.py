"""Hands as 21 coloured dots, and a network that reads them: the pipeline without weights.

The red channel of a dot says which keypoint it is, blue its relative depth; red and green make
255, so that pixels blended with the black background can be told.  So all that lies between image
and metres (crops, mirroring, regions, reconstruction, tracking) can be measured against the truth.
Palms face the camera: then left and right can be told from the dots alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import nn

from hand_pose_25d import BoneLengthPrior, Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.inference.detector import Detection
from hand_pose_25d.networks.output import PoseOutput, confidence
from hand_pose_25d.skeleton import FINGERS, PARENTS

DEPTH_RANGE = 2.0  # relative depths from -2 to 2 in 8 bits: 1.5 mm steps


def make_hand(
    wrist: tuple[float, float, float] = (0.0, 0.05, 0.5),
    right: bool = True,
    roll: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Return (21, 3) keypoints in metres: an open hand of the prior's mean bone lengths.

    The palm faces the camera, roughly; `roll` turns the hand clockwise in the image.
    """
    rng = np.random.default_rng(seed)
    lengths = BoneLengthPrior.default().mean
    points = np.zeros((21, 3))
    angles = dict(zip(FINGERS, (0.75, 0.28, 0.0, -0.22, -0.45), strict=True))
    for finger, joints in FINGERS.items():
        bend = rng.uniform(0.0, 0.35)
        for i, k in enumerate(joints):
            pitch = bend * i
            direction = np.array(
                [np.sin(angles[finger]) * np.cos(pitch), -np.cos(angles[finger]) * np.cos(pitch),
                 -np.sin(pitch)]
            )  # fmt: skip
            points[k] = points[PARENTS[k]] + lengths[k - 1] * direction
    if not right:
        points[:, 0] *= -1
    tilt = cv2.Rodrigues(np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), 0.0]))[0]
    turn = cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0]
    return points @ tilt.T @ turn.T + np.array(wrist)


def draw(hands: list[np.ndarray], camera: Camera, radius: float = 4.0) -> np.ndarray:
    """Draw (21, 3) hands as dots into the (H, W, 3) uint8 image of the camera."""
    image = np.zeros((camera.height, camera.width, 3), dtype=np.uint8)
    for keypoints in hands:
        reference = np.linalg.norm(keypoints[5] - keypoints[0])
        # The relative depths are those of a camera that looks at the hand's middle: the crop's.
        region = Region.from_keypoints(camera.project(keypoints))
        ray = np.append(camera.rays(np.array(region.center)), 1.0)
        depth = (keypoints - keypoints[0]) @ (ray / np.linalg.norm(ray)) / reference
        code = np.round((depth + DEPTH_RANGE) / (2 * DEPTH_RANGE) * 255).astype(int)
        for k in np.argsort(-keypoints[:, 2]):
            u, v = camera.project(keypoints[k])
            red = 20 + 10 * int(k)
            color = (red, 255 - red, int(code[k]))
            # Filled without antialiasing: every pixel's code is whole.
            cv2.circle(image, (round(16 * u), round(16 * v)), round(16 * radius), color, -1, 8, 4)
    return image


class DotNetwork(nn.Module):
    """Reads dots: a pose network without weights."""

    def __init__(self, input_size: int = 256) -> None:
        super().__init__()
        self.input_size = input_size
        self.passes: list[int] = []
        """Size of the batch of each forward pass."""

    def forward(self, images: torch.Tensor) -> PoseOutput:
        self.passes.append(len(images))
        rows = [self._read(np.round(255 * i.permute(1, 2, 0).numpy())) for i in images]
        uv = torch.tensor(np.array([r[0] for r in rows]), dtype=torch.float32).reshape(-1, 21, 2)
        depth = torch.tensor(np.array([r[1] for r in rows]), dtype=torch.float32).reshape(-1, 21)
        found = torch.tensor([r[2] for r in rows], dtype=torch.float32)
        covariance = torch.eye(2).expand(len(rows), 21, 2, 2) * 0.25
        index, little = uv[:, 5] - uv[:, 0], uv[:, 17] - uv[:, 0]
        cross = index[:, 0] * little[:, 1] - index[:, 1] * little[:, 0]
        return PoseOutput(
            uv,
            depth - depth[:, :1],
            covariance,
            torch.full_like(depth, 1e-4),
            confidence(covariance, self.input_size),
            found - 16,
            torch.sign(-cross) * 4,
        )

    def _read(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        size, found = self.input_size, 0
        uv, depth = np.full((21, 2), (size - 1) / 2), np.zeros(21)
        v, u = np.nonzero(image[..., 0] + image[..., 1] >= 253)
        red, _, blue = image[v, u].T
        for k in range(21):
            dot = np.abs(red - (20 + 10 * k)) < 2
            if dot.any():
                uv[k] = np.median(u[dot]), np.median(v[dot])
                depth[k] = np.median(blue[dot]) / 255 * 2 * DEPTH_RANGE - DEPTH_RANGE
                found += 1
        return uv, depth, float(found)


class DotDetector:
    """Finds the hands given to it: in every image, those of which dots are to be seen."""

    def __init__(self, hands: list[np.ndarray], camera: Camera, sure: bool = True) -> None:
        self.hands, self.camera, self.sure = hands, camera, sure
        self.calls = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.calls += 1
        found = []
        for keypoints in self.hands:
            pixels = self.camera.project(keypoints)
            low, high = pixels.min(0), pixels.max(0)
            middle = ((low + high) / 2).astype(int)
            if not image[low[1].astype(int) : high[1].astype(int)].any() or (middle < 0).any():
                continue
            box = (float(low[0]), float(low[1]), *(float(v) for v in high - low))
            found.append(Detection(box, 0.9))
        return found
