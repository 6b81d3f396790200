"""Scenes for the detector: hands cut out of photographs on backgrounds, and rendered scenes.

Every scene is a square (S, S) image with the hands in it.  Hands of all sizes, from what 24 pixels
of a 640-pixel image become at the detector's input to hands that fill it, rotated by any angle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2
import numpy as np

from hand_pose_25d.geometry.roi import Region, region_iou
from hand_pose_25d_train.augmentation.colour import Recolouring
from hand_pose_25d_train.datasets.backgrounds import Backgrounds
from hand_pose_25d_train.training.detector.distractors import distract
from hand_pose_25d_train.training.detector.gloves import gloved
from hand_pose_25d_train.training.detector.pasting import blend, similarity, warp
from hand_pose_25d_train.training.detector.photos import CutOut

HANDS = (0.12, 0.43, 0.33, 0.12)
"""Shares of composed scenes with 0, 1, 2, 3 hands."""
_SMALLEST, _LARGEST = 14.0, 0.9
"""Sizes of the hands' regions: pixels, and shares of the scene's side."""
WHOLE_PHOTO = 0.35
"""Share of the scenes of one hand in which the photograph keeps its own background."""
_UPRIGHT = 0.5
"""Share of the hands whose in-plane rotation is small."""
AROUND_A_HAND = 0.7
"""Share of the crops of rendered scenes that have one of the hands in them for certain."""
_ZOOM = (0.78, 2.46)
"""Of such a crop, drawn log-uniformly: at 1 the longer side of the scene just fits."""
GLOVED = 0.3
"""Share of the hands cut out that are dyed as gloves are."""
CROWDED = 0.35
"""Overlap (IoU of the regions) beyond which a hand finds no room."""


@dataclass
class SceneHand:
    """One hand in a scene."""

    uv: np.ndarray
    """(21, 2) pixels, wherever they fall."""
    is_right: bool
    visible: float = 1.0
    """Share of the keypoints that nothing hides."""
    box_only: bool = False
    """Only the box around `uv` is known of it."""


@dataclass
class Scene:
    """An image and all the hands in it."""

    image: np.ndarray
    """(S, S, 3) uint8 RGB."""
    hands: list[SceneHand] = field(default_factory=list)


class SceneSource(Protocol):
    """Something that scenes are drawn from."""

    def draw(self, size: int, rng: np.random.Generator) -> Scene:
        """Return one (size, size) scene."""
        ...


class RenderedScenes(Protocol):
    """What is needed of `data.shards.ShardDataset`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Scene: ...


class ComposedScenes:
    """Hands cut out of photographs, put on backgrounds."""

    def __init__(
        self,
        cut_outs: Sequence[CutOut],
        backgrounds: Backgrounds,
        distractors: Sequence[np.ndarray] = (),
    ) -> None:
        """`distractors`: pictures of no hands (`load_distractors`), put behind the hands.

        Raises ValueError without photographs.
        """
        if not cut_outs:
            raise ValueError("no photographs to compose scenes of")
        self._cut_outs, self._backgrounds = cut_outs, backgrounds
        self._distractors = distractors

    def draw(self, size: int, rng: np.random.Generator) -> Scene:
        """Return one (size, size) scene of 0 to 3 hands."""
        scene = Scene(self._backgrounds.draw(size, rng))
        if self._distractors:
            distract(scene.image, self._distractors, rng)
        count = int(rng.choice(len(HANDS), p=HANDS))
        whole = count == 1 and rng.random() < WHOLE_PHOTO
        regions: list[Region] = []
        for _ in range(count):
            cut_out = self._cut_outs[rng.integers(len(self._cut_outs))]
            matrix, mirror = placement(Region.from_keypoints(cut_out.uv), size, rng)
            uv = cut_out.uv @ matrix[:, :2].T + matrix[:, 2]
            region = Region.from_keypoints(uv)
            if any(region_iou(region, other) > CROWDED for other in regions):
                continue
            regions.append(region)
            paste(scene.image, cut_out, matrix, whole, rng)
            scene.hands.append(SceneHand(uv, cut_out.is_right != mirror))
        return scene


class AugmentedScenes:
    """Rendered scenes, scaled, rotated and mirrored at random."""

    def __init__(self, scenes: RenderedScenes, zoom: tuple[float, float] = _ZOOM) -> None:
        """Raises ValueError without scenes."""
        if not len(scenes):
            raise ValueError("no rendered scenes to draw from")
        self._scenes, self._zoom = scenes, (math.log(zoom[0]), math.log(zoom[1]))

    def draw(self, size: int, rng: np.random.Generator) -> Scene:
        """Return one (size, size) scene."""
        scene = self._scenes[int(rng.integers(len(self._scenes)))]
        height, width = scene.image.shape[:2]
        scale = size / max(height, width) * math.exp(rng.uniform(*self._zoom))
        angle = rng.normal(0, 0.2) if rng.random() < 0.85 else rng.uniform(-math.pi, math.pi)
        mirror = bool(rng.random() < 0.5)
        source, spread = np.array([width / 2, height / 2]), 0.2
        if scene.hands and rng.random() < AROUND_A_HAND:
            hand = scene.hands[int(rng.integers(len(scene.hands)))].uv.mean(axis=0)
            source, spread = hand.clip(0, (width - 1, height - 1)), 0.35
        target = size / 2 + rng.uniform(-spread, spread, 2) * size
        matrix = similarity(source, target, scale, angle, mirror)
        image = warp(scene.image, matrix, size, border=cv2.BORDER_REFLECT)
        hidden = cv2.warpAffine(
            np.full((height, width), 255, np.uint8), matrix, (size, size), flags=cv2.INTER_NEAREST
        )
        image[hidden == 0] = rng.integers(0, 255)  # reflected hands would go without labels
        return Scene(image, [moved(hand, matrix, mirror) for hand in scene.hands])


def moved(hand: SceneHand, matrix: np.ndarray, mirror: bool) -> SceneHand:
    """Return the hand as `matrix` (2, 3) moves it; `mirror`: of the other handedness."""
    uv = hand.uv @ matrix[:, :2].T + matrix[:, 2]
    return replace(hand, uv=uv, is_right=hand.is_right != mirror)


def placement(region: Region, size: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Draw where a hand goes: the (2, 3) matrix from photograph to scene, mirrored or not."""
    new = math.exp(rng.uniform(math.log(_SMALLEST), math.log(_LARGEST * size)))
    angle = rng.normal(0, 0.5) if rng.random() < _UPRIGHT else rng.uniform(-math.pi, math.pi)
    mirror = bool(rng.random() < 0.5)
    target = rng.uniform(0.0, size, 2)
    if new > size / 2:  # a large hand is mostly inside
        target = size / 2 + (target - size / 2) * 0.5
    return similarity(region.center, target, new / region.size, angle, mirror), mirror


def paste(
    scene: np.ndarray, cut_out: CutOut, matrix: np.ndarray, whole: bool, rng: np.random.Generator
) -> None:
    """Put the hand into the scene, in place; `whole`: with its own background."""
    if whole:
        image = warp(cut_out.image, matrix, scene.shape[0], cv2.BORDER_REPLICATE)
        scene[:] = Recolouring.draw(1, rng).on_array(image, 0)
    else:
        image = gloved(cut_out.image, rng) if rng.random() < GLOVED else cut_out.image
        blend(scene, image, cut_out.alpha, matrix, rng)
