"""The choice: which recorded hands become labels, which only boxes, and which are dropped.

A label needs both networks to see a hand there, of one handedness, with keypoints that agree from
crop to crop and between them, and more than one finder, or a given box that it fills.  A hand
whose keypoints are in doubt is a box: it can be told from no hand, and nothing more is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_25d.geometry.boxes import Box, box_around
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.labelling.records import Record

PRESENCE, FAINT_PRESENCE = 0.5, 0.25
"""Mean of both networks from which on something is a hand, or may be one."""
SPREAD = 0.08
"""Of the crops of one network, as a share of the box."""
FILLED = 0.35
"""IoU with a given box from which on a hand is the one meant."""
_SAME = 0.35
"""Mean distance over the box below which two records show one hand."""


@dataclass(frozen=True)
class ChosenHand:
    """A labelled hand of one photograph."""

    name: str
    uv: np.ndarray
    world: np.ndarray
    is_right: bool
    score: float
    disagreement: float


@dataclass(frozen=True)
class DoubtfulHand:
    """A box (x, y, w, h) around a hand, or around what may be one where it is not `certain`."""

    name: str
    box: Box
    certain: bool


def read_dropped(path: Path) -> frozenset[str]:
    """Read labels found wrong by eye: a name, or name#row, a line; " #" starts a remark."""
    lines = (line.split(" #")[0].strip() for line in path.read_text().splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def choose(
    record: Record, tolerance: float, dropped: frozenset[str] = frozenset()
) -> tuple[list[ChosenHand], list[DoubtfulHand]]:
    """Return the labels and the boxes of one photograph.

    tolerance: largest disagreement of both networks, as a share of the box; `dropped`: names, or
    name#row, of what was found wrong by eye: such hands are boxes.
    """
    labels: list[ChosenHand] = []
    doubtful: list[DoubtfulHand] = []
    name, given = record["name"], [tuple(box) for box in record["boxes"]]
    met: set[int] = set()
    for row, hand in enumerate(record["hands"]):
        uv, presence = np.array(hand["uv"]), float(np.mean(hand["presence"]))
        fills = hand["given"] >= 0 and hand["given_iou"] >= FILLED
        if presence < FAINT_PRESENCE and not fills:
            continue
        if any(_same(uv, other.uv) for other in labels):
            continue
        met |= {i for i, box in enumerate(given) if _centred(uv, box)}
        if fills:
            met.add(hand["given"])
        seen_by_eye = name in dropped or f"{name}#{row}" in dropped
        if not seen_by_eye and _agreed(hand, presence, fills, tolerance):
            world, score = np.array(hand["world"]), min(hand["presence"])
            labels.append(ChosenHand(name, uv, world, hand["right"], score, hand["disagreement"]))
        else:
            several = len(set(hand["sources"]) - {"mirror"}) > 1
            box = given[hand["given"]] if fills else box_around(uv)
            doubtful.append(DoubtfulHand(name, box, fills or (several and presence > PRESENCE)))
    doubtful += [DoubtfulHand(name, b, True) for i, b in enumerate(given) if i not in met]
    return labels, doubtful


def _agreed(hand: Record, presence: float, fills: bool, tolerance: float) -> bool:
    sides = [p >= 0.5 for p in hand["p_right"]]
    several = len(hand["sources"]) > 1
    return (
        presence >= PRESENCE
        and min(hand["presence"]) >= FAINT_PRESENCE
        and sides[0] == sides[1]
        and max(hand["spread"]) <= SPREAD
        and hand["disagreement"] <= tolerance
        and (several or fills)
    )


def _centred(uv: np.ndarray, box: Box) -> bool:
    """Tell whether a hand's middle lies in a box: it is what the box, however loose, means."""
    middle = (uv.min(axis=0) + uv.max(axis=0)) / 2
    return all(box[i] <= middle[i] <= box[i] + box[i + 2] for i in (0, 1))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.linalg.norm(a - b, axis=-1).mean() < _SAME * np.ptp(b, axis=0).max())


def write_labels(
    out: Path, records: list[Record], tolerance: float, dropped: frozenset[str] = frozenset()
) -> tuple[int, int, int]:
    """Write one .npz of what is chosen; return the photographs, labels and boxes.

    The labels: names, uv (N, 21, 2) px, world (N, 21, 3) m, is_right, score and disagreement; the
    boxes: box_names, boxes (M, 4), box_certain; and photographs, all names that were looked at.
    """
    hands: list[ChosenHand] = []
    doubtful: list[DoubtfulHand] = []
    for record in records:
        labels, others = choose(record, tolerance, dropped)
        hands += labels
        doubtful += others
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        names=np.array([h.name for h in hands], dtype=np.str_),
        uv=np.array([h.uv for h in hands], dtype=np.float32).reshape(-1, NUM_KEYPOINTS, 2),
        world=np.array([h.world for h in hands], dtype=np.float32).reshape(-1, NUM_KEYPOINTS, 3),
        is_right=np.array([h.is_right for h in hands], dtype=bool),
        score=np.array([h.score for h in hands], dtype=np.float32),
        disagreement=np.array([h.disagreement for h in hands], dtype=np.float32),
        box_names=np.array([d.name for d in doubtful], dtype=np.str_),
        boxes=np.array([d.box for d in doubtful], dtype=np.float32).reshape(-1, 4),
        box_certain=np.array([d.certain for d in doubtful], dtype=bool),
        photographs=np.array([r["name"] for r in records], dtype=np.str_),
    )
    partial.replace(out)
    return len(records), len(hands), len(doubtful)
