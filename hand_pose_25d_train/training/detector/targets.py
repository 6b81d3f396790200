"""What the detector's cells are to predict of a scene, and the loss that holds them to it.

A cell is positive where it lies in the middle of a palm whose size is its level's; around the
positive ones, and on hands that are mostly hidden or leave the image, nothing is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the field's customary name)
from torch import Tensor

from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.networks.detector_net import STRIDES, Cells, cell_centers
from hand_pose_25d_train.training.detector.scenes import SceneHand

LEVEL_SIZES = ((0.0, 128.0), (96.0, 288.0))
"""Sizes of the regions, in pixels, that strides 8 and 16 answer for; both from 96 to 128.  Larger
hands are found by a second forward pass on the image, at a smaller size."""
SMALLEST_ASKED = 11.0
"""Pixels of the region below which a hand is neither asked for nor wrong to be found."""
POSITIVE, IGNORED = 0.1, 0.25
"""Distances from the palm's middle in region sizes: up to the first a cell is positive, up to the
second it is not asked."""
POSITIVE_CELLS, IGNORED_CELLS = 0.75, 1.5
"""The same in cells: the least that is positive, and not asked."""
_MOSTLY_HIDDEN = 0.35
"""Share of visible keypoints below which a hand is not asked for."""
_WEIGHTS = {
    "score": 1.0,
    "box": 1.0,
    "overlap": 0.5,
    "center": 2.0,
    "size": 2.0,
    "direction": 1.0,
    "handedness": 1.0,
    "across": 1.0,
    "back": 1.0,
}
"""Of the parts of the loss."""
REGION_OF_BOX = 1.575
"""A region's size over the longer side of the hand's box: median of 1,800 labelled hands."""
KNUCKLES = (5, 9, 13, 17)
PALM_WIDTH = 0.25
"""Distance of the outer knuckles of a flat hand, in region sizes."""
FOCUS, POSITIVE_WEIGHT = 2.0, 0.5
"""Exponent and weight of the positive cells in the focal loss (Lin et al., ICCV 2017)."""


def palm_center(uv: np.ndarray) -> np.ndarray:
    """Return the middle of the palm (2,) of (21, 2) pixels: half-way from wrist to knuckles."""
    middle: np.ndarray = (uv[0] + uv[list(KNUCKLES)].mean(axis=0)) / 2
    return middle


def scene_targets(hands: Sequence[SceneHand], size: int) -> dict[str, np.ndarray]:
    """Return what the N cells of a (size, size) scene are to predict.

    `score` (N,) 1 or 0, -1 where nothing is asked; `box` (N, 4), `center` (N, 2), `size` (N,),
    `direction` (N, 2), `is_right` (N,) and `across` (N, 2) as in `Cells`, meaningful where the
    score is 1; `posed` (N,) 1 where the last three are known.
    """
    origins = [cell_centers(size // s, size // s, s).numpy() for s in STRIDES]
    strides = np.concatenate([np.full(len(o), s) for o, s in zip(origins, STRIDES, strict=True)])
    low, high = (
        np.concatenate([np.full(len(o), r[i]) for o, r in zip(origins, LEVEL_SIZES, strict=True)])
        for i in (0, 1)
    )
    cells = np.concatenate(origins).astype(np.float64)
    score = np.zeros(len(cells), np.float32)
    nearest = np.full(len(cells), np.inf)
    rows = np.zeros((len(cells), 13), np.float32)
    for hand in hands:
        try:
            region, palm = region_and_palm(hand)
        except ValueError:
            continue
        distance = np.linalg.norm(cells - palm, axis=1)
        inside = bool(((palm >= 0) & (palm <= size - 1)).all())
        askable = SMALLEST_ASKED <= region.size <= LEVEL_SIZES[-1][1]
        if not inside or hand.visible < _MOSTLY_HIDDEN or not askable:
            around = distance < np.maximum(0.5 * region.size, IGNORED_CELLS * strides)
            score[around & (score == 0)] = -1
            continue
        answering = (region.size >= low) & (region.size <= high)
        close = distance < np.maximum(IGNORED * region.size, IGNORED_CELLS * strides)
        middle = distance < np.maximum(POSITIVE * region.size, POSITIVE_CELLS * strides)
        chosen = middle & answering & (distance / region.size < nearest)
        score[close & answering & (score == 0)] = -1
        score[chosen] = 1
        nearest[chosen] = distance[chosen] / region.size
        low_uv, high_uv = hand.uv.min(axis=0), hand.uv.max(axis=0)
        direction = (math.sin(region.angle), -math.cos(region.angle))
        across = (hand.uv[KNUCKLES[-1]] - hand.uv[KNUCKLES[0]]) / (PALM_WIDTH * region.size)
        rows[chosen] = (
            *low_uv, *high_uv, *region.center, region.size, *direction, float(hand.is_right),
            *across, float(not hand.box_only),
        )  # fmt: skip
    return {
        "score": score,
        "box": rows[:, :4],
        "center": rows[:, 4:6],
        "size": rows[:, 6],
        "direction": rows[:, 7:9],
        "is_right": rows[:, 9],
        "across": rows[:, 10:12],
        "posed": rows[:, 12],
    }


def region_and_palm(hand: SceneHand) -> tuple[Region, np.ndarray]:
    """Return a hand's region and the middle (2,) of its palm; both about its box's middle where
    nothing else is known.  Raises ValueError for keypoints of no extent."""
    if not hand.box_only:
        return Region.from_keypoints(hand.uv), palm_center(hand.uv)
    low, high = hand.uv.min(axis=0), hand.uv.max(axis=0)
    middle, side = (low + high) / 2, float((high - low).max())
    if not side > 0:
        raise ValueError("a box of no extent")
    return Region((float(middle[0]), float(middle[1])), REGION_OF_BOX * side, 0.0), middle


def detector_loss(cells: Cells, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the parts of the loss and their weighted sum, "loss".

    Lengths are compared in units of the hand's region.
    """
    asked, positive = targets["score"] >= 0, targets["score"] > 0
    logit, wanted = cells.score[asked].float(), targets["score"][asked]
    cross = F.binary_cross_entropy_with_logits(logit, wanted, reduction="none")
    p_truth = torch.exp(-cross)
    weight = torch.where(wanted > 0, POSITIVE_WEIGHT, 1 - POSITIVE_WEIGHT)
    count = positive.sum().clamp(min=1)
    score = (weight * (1 - p_truth) ** FOCUS * cross).sum() / count
    if not bool(positive.any()):
        zero = cells.box.sum() * 0.0  # every output stays part of the graph
        return {"loss": score + zero, "score": score}
    unit = targets["size"][positive]
    box = (cells.box[positive] - targets["box"][positive]).abs().mean(dim=1) / unit
    overlap = 1 - generalized_iou(cells.box[positive].float(), targets["box"][positive])
    center = (cells.center[positive] - targets["center"][positive]).abs().mean(dim=1) / unit
    size = (cells.size[positive].float() - unit).abs() / unit
    posed = targets["posed"][positive]

    def of_posed(errors: Tensor) -> Tensor:
        return (errors * posed).sum() / posed.sum().clamp(min=1)

    # Twice the sine of half the angle between them: unlike the cosine, its slope does not vanish
    # where the angle is small already.
    unit_vectors = F.normalize(cells.direction[positive].float(), dim=1, eps=1e-3)
    direction = (unit_vectors - targets["direction"][positive]).square().sum(dim=1)
    direction = (direction + 1e-6).sqrt() - 1e-3
    handedness = F.binary_cross_entropy_with_logits(
        cells.right[positive].float(), targets["is_right"][positive], reduction="none"
    )
    up, across = targets["direction"][positive], targets["across"][positive]
    sense = (up[:, 0] * across[:, 1] - up[:, 1] * across[:, 0]).clamp(-1, 1)
    seen_back = ((sense > 0) == (targets["is_right"][positive] > 0.5)).float()
    back = F.binary_cross_entropy_with_logits(
        cells.back[positive].float(),
        seen_back,
        weight=sense.abs(),  # edge on neither side is seen
        reduction="none",
    )
    parts = {
        "score": score,
        "box": box.mean(),
        "overlap": overlap.mean(),
        "center": center.mean(),
        "size": size.mean(),
        "direction": of_posed(direction),
        "handedness": of_posed(handedness),
        "across": of_posed((cells.across[positive] - across).abs().mean(dim=1)),
        "back": of_posed(back),
    }
    loss = torch.stack([_WEIGHTS[name] * part for name, part in parts.items()]).sum()
    return {"loss": loss, **parts}


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU (N,) of (N, 4) boxes (left, top, right, bottom), in [-1, 1].

    Rezatofighi et al., Generalized Intersection over Union, CVPR 2019.
    """
    common = (torch.minimum(a, b)[:, 2:] - torch.maximum(a, b)[:, :2]).clamp(min=0).prod(dim=1)
    hull = (torch.maximum(a, b)[:, 2:] - torch.minimum(a, b)[:, :2]).clamp(min=0).prod(dim=1)
    areas = [(box[:, 2:] - box[:, :2]).clamp(min=0).prod(dim=1) for box in (a, b)]
    union = areas[0] + areas[1] - common
    return common / (union + 1e-6) - (hull - union) / (hull + 1e-6)
