"""Draw docs/images/keypoints.svg: the 21 keypoints on a flat right hand, seen from the palm.

    python scripts/keypoints_figure.py docs/images/keypoints.svg

The bones have the mean lengths of the population `adult`, the folds lie where docs/hand_size.md
says, and the flesh around them is a sketch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hand_pose_25d.reconstruction.bone_length_prior import BoneLengthPrior
from hand_pose_25d.skeleton import FINGERS, KEYPOINT_NAMES, WRIST

PALM_ANGLES = {"thumb": 42.0, "index": 15.0, "middle": 1.0, "ring": -12.0, "little": -25.0}
"""Degrees from straight up to the right, of wrist - thumb CMC and wrist - MCP."""
FINGER_ANGLES = {"thumb": 38.0, "index": 9.0, "middle": 1.0, "ring": -7.0, "little": -17.0}
WIDTHS = {"thumb": 21.0, "index": 18.0, "middle": 18.5, "ring": 17.0, "little": 15.0}
"""Of the flesh of a finger, mm."""
TIP_OVER = 6.0
"""Flesh beyond a fingertip's keypoint, mm, besides its round end's half width."""
FIRST_FOLD = 0.18
"""Where a finger begins, of its length from the knuckle on."""
WRIST_FOLDS = (0.045, -0.02)
"""Before and behind the wrist, of wrist to middle knuckle."""
SCALE, MARGIN, LABELS = 3.0, 24.0, 230.0  # px a mm; px
SKIN, EDGE, BONE = "#f1d3bf", "#c99a7c", "#5b6470"
STYLE = 'font-family="sans-serif" font-size="17" fill="#20252b"'


def flat_hand() -> np.ndarray:
    """Return the keypoints (21, 2) in mm, x right, y up, the wrist at 0."""
    lengths = 1e3 * BoneLengthPrior.default().mean
    points = np.zeros((21, 2))
    for finger, chain in FINGERS.items():
        parent = WRIST
        for joint in chain:
            degrees = PALM_ANGLES[finger] if parent == WRIST else FINGER_ANGLES[finger]
            turn = np.radians(degrees)
            step = lengths[joint - 1] * np.array([np.sin(turn), np.cos(turn)])
            points[joint] = points[parent] + step
            parent = joint
    return points


def figure() -> str:
    """Return the picture as SVG."""
    points = flat_hand()
    low, high = points.min(0) - (12, 34), points.max(0) + (12, 16)
    width = SCALE * (high[0] - low[0]) + 2 * (MARGIN + LABELS)
    height = SCALE * (high[1] - low[1]) + 2 * MARGIN

    def pixel(point: np.ndarray) -> np.ndarray:
        return np.array(
            [
                MARGIN + LABELS + SCALE * (point[0] - low[0]),
                MARGIN + SCALE * (high[1] - point[1]),
            ]
        )

    def path(corners: list[np.ndarray], closed: bool = False) -> str:
        words = " L".join(f"{x:.1f},{y:.1f}" for x, y in map(pixel, corners))
        return f"M{words}{' Z' if closed else ''}"

    flesh = []
    for finger, chain in FINGERS.items():
        joints = [points[k] for k in chain]
        along = (joints[-1] - joints[-2]) / np.linalg.norm(joints[-1] - joints[-2])
        reach = max(TIP_OVER - WIDTHS[finger] / 2, -2.0)
        flesh.append((path([*joints[:-1], joints[-1] + reach * along]), WIDTHS[finger]))
    palm = [points[k] for k in (1, 2, 5, 9, 13, 17)]
    palm += [points[WRIST] + corner for corner in ((-24, 6), (-24, -34), (24, -34))]
    parts = []
    for color, grown in ((EDGE, 1.2), (SKIN, 0.0)):  # the edge first, the skin over it
        parts.append(
            f'<path d="{path(palm, True)}" fill="{color}" stroke="{color}" '
            f'stroke-width="{SCALE * (14 + grown):.1f}" stroke-linejoin="round"/>'
        )
        parts += [
            f'<path d="{line}" fill="none" stroke="{color}" stroke-linecap="round" '
            f'stroke-linejoin="round" stroke-width="{SCALE * (wide + grown):.1f}"/>'
            for line, wide in flesh
        ]
    parts += [
        f'<path d="{path(list(fold))}" stroke="{EDGE}" stroke-width="2.5" stroke-linecap="round"/>'
        for fold in folds(points)
    ]
    for chain in FINGERS.values():
        line = path([points[WRIST], *(points[k] for k in chain)])
        parts.append(f'<path d="{line}" fill="none" stroke="{BONE}" stroke-width="3"/>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">',
        "<title>The 21 keypoints on a right hand, seen from the palm</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        *parts,
        *labels([pixel(point) for point in points], width),
        "</svg>",
        "",
    ])  # fmt: skip


def folds(points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return both ends of the skin's folds, mm."""
    found = []
    for finger, chain in FINGERS.items():
        along = (points[chain[3]] - points[chain[0]]) / np.linalg.norm(
            points[chain[3]] - points[chain[0]]
        )
        half = 0.42 * WIDTHS[finger] * np.array([along[1], -along[0]])
        begins = points[chain[0]] + FIRST_FOLD * (points[chain[3]] - points[chain[0]])
        middles = [points[chain[2]]] if finger == "thumb" else [begins, *points[list(chain[1:3])]]
        found += [(middle - half, middle + half) for middle in middles]
    up = points[FINGERS["middle"][0]] - points[WRIST]
    half = np.array([22.0, 0.0])
    wrist = [points[WRIST] + share * up for share in WRIST_FOLDS]
    return found + [(middle - half, middle + half) for middle in wrist]


def labels(pixels: list[np.ndarray], width: float) -> list[str]:
    """Return dots, and names beside the hand with a line to each, so that none cross."""
    names = {k: f"{k} {name}" for k, name in enumerate(KEYPOINT_NAMES)}
    right = [*FINGERS["thumb"], *FINGERS["index"], *FINGERS["middle"][2:]]
    left = [k for k in range(21) if k not in right]
    parts = []
    for side, ids in (("start", left), ("end", right)):
        ids.sort(key=lambda k: pixels[k][1])
        rows = spread([pixels[k][1] for k in ids], 24.0)
        edge = MARGIN if side == "start" else width - MARGIN
        end = edge + (145 if side == "start" else -145)
        for k, row in zip(ids, rows, strict=True):
            x, y = pixels[k]
            parts += [
                f'<path d="M{end:.0f},{row:.1f} L{x:.1f},{y:.1f}" stroke="#8a939d" fill="none"/>',
                f'<text x="{edge:.0f}" y="{row + 6:.1f}" text-anchor="{side}" {STYLE}>'
                f"{names[k]}</text>",
            ]
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#d6372f" stroke="white" stroke-width="2"/>'
        for x, y in pixels
    ]
    return parts + dots


def spread(rows: list[float], apart: float) -> list[float]:
    """Return rising numbers near these rising ones, at least so far apart."""
    found = list(rows)
    for _ in range(200):
        for i in range(len(found) - 1):
            lack = apart - (found[i + 1] - found[i])
            if lack > 0:
                found[i] -= lack / 2
                found[i + 1] += lack / 2
    return found


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="an .svg file")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(figure(), encoding="utf-8")


if __name__ == "__main__":
    main()
