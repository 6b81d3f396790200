"""Drawing: hands over their image, by finger colour; sheets of pictures.  RGB uint8 throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from hand_pose_25d.hand_pose import HandPose
from hand_pose_25d.skeleton import BONES, FINGERTIPS, KEYPOINT_COLORS

Color = tuple[int, int, int]

INK: Color = (18, 20, 26)
PAPER: Color = (245, 246, 248)
GREY: Color = (140, 146, 158)
_SHIFT = 4  # fractional bits of OpenCV's coordinates, so that lines do not jump by whole pixels
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_hands(
    image: np.ndarray, hands: Sequence[HandPose], labels: bool = True, min_confidence: float = 0.0
) -> np.ndarray:
    """Return a copy of an (H, W, 3) image with the hands drawn over it.

    Bones and keypoints fade with the network's confidence; below `min_confidence` they are left
    out.  A lost hand is an empty box.  `labels`: track id, handedness, score, distance of the
    wrist.
    """
    canvas = np.ascontiguousarray(image).copy()
    shown = [hand for hand in hands if np.isfinite(hand.keypoints_2d).all()]
    for hand in sorted(shown, key=lambda h: -_distance(h)):  # far ones first
        _draw_skeleton(canvas, hand, min_confidence)
    if labels:
        taken: list[tuple[float, float, float]] = []
        for hand in hands:
            _draw_label(canvas, hand, taken)
    return canvas


def text(
    canvas: np.ndarray,
    string: str,
    origin: tuple[float, float],
    color: Color = PAPER,
    height: float = 14.0,
    background: Color | None = None,
) -> tuple[int, int]:
    """Write on the canvas, `origin` the left top, `height` that of capitals; return (w, h)."""
    scale, thickness = _font(height)
    width = text_width(string, height)
    pad = round(height * 0.5) if background is not None else 0
    x, y = round(origin[0]), round(origin[1])
    size = (width + 2 * pad, round(height) + 2 * pad)
    if background is not None:
        rounded_box(canvas, (x, y), size, background, pad)
    cv2.putText(
        canvas, string, (x + pad, y + pad + round(height)), _FONT, scale, color, thickness,
        cv2.LINE_AA,
    )  # fmt: skip
    return size


def text_width(string: str, height: float) -> int:
    """Return the width in pixels of what `text` writes, without background."""
    scale, thickness = _font(height)
    (width, _), _ = cv2.getTextSize(string, _FONT, scale, thickness)
    return int(width)


def rounded_box(
    canvas: np.ndarray,
    corner: tuple[int, int],
    size: tuple[int, int],
    color: Color,
    radius: int,
    opacity: float = 0.8,
) -> None:
    """Fill a box with round corners, translucent, on the canvas."""
    (x, y), (w, h) = corner, size
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + w, canvas.shape[1]), min(y + h, canvas.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    mask: np.ndarray = np.zeros((h, w), dtype=np.uint8)
    r = min(radius, w // 2, h // 2)
    cv2.rectangle(mask, (r, 0), (w - r - 1, h - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (w - 1, h - r - 1), 255, -1)
    for cx in (r, w - r - 1):
        for cy in (r, h - r - 1):
            cv2.circle(mask, (cx, cy), r, (255,), -1, cv2.LINE_AA)
    alpha = mask[y0 - y : y1 - y, x0 - x : x1 - x, None].astype(np.float32) * (opacity / 255)
    part = canvas[y0:y1, x0:x1].astype(np.float32)
    canvas[y0:y1, x0:x1] = (part + (np.array(color, np.float32) - part) * alpha + 0.5).astype(
        np.uint8
    )


def contact_sheet(
    tiles: Sequence[np.ndarray],
    columns: int,
    captions: Sequence[str] | None = None,
    gap: int = 12,
    background: Color = INK,
) -> np.ndarray:
    """Lay (H, W, 3) pictures out in rows, each fitted into the first one's size.

    Raises ValueError without pictures, or where the captions are not as many.
    """
    if not tiles or columns < 1:
        raise ValueError(f"a sheet needs pictures and columns, got {len(tiles)} and {columns}")
    if captions is not None and len(captions) != len(tiles):
        raise ValueError(f"{len(tiles)} pictures, but {len(captions)} captions")
    height, width = tiles[0].shape[:2]
    letters = max(9, round(height * 0.032)) if captions else 0
    cell = (height + gap + (2 * letters if captions else 0), width + gap)
    rows = math.ceil(len(tiles) / columns)
    sheet = np.empty((rows * cell[0] + gap, columns * cell[1] + gap, 3), dtype=np.uint8)
    sheet[:] = background
    for i, tile in enumerate(tiles):
        y, x = gap + (i // columns) * cell[0], gap + (i % columns) * cell[1]
        sheet[y : y + height, x : x + width] = fit(tile, width, height, background)
        if captions is not None:
            text(sheet, captions[i], (x + 2, y + height + letters // 2), GREY, letters)
    return sheet


def fit(image: np.ndarray, width: int, height: int, background: Color = INK) -> np.ndarray:
    """Scale a picture into width x height, its proportions kept, the rest filled."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = image if scale == 1 else cv2.resize(image, size, interpolation=way)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = background
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    canvas[y : y + size[1], x : x + size[0]] = scaled
    return canvas


def _font(height: float) -> tuple[float, int]:
    """Return OpenCV's scale and thickness for capital letters of this height."""
    scale = height / 21.0  # they are 21 px high at scale 1
    return scale, max(1, round(scale * 1.4))


def _draw_skeleton(canvas: np.ndarray, hand: HandPose, min_confidence: float) -> None:
    points = hand.keypoints_2d
    extent = float(np.ptp(points, axis=0).max())
    width = min(max(extent / 45, 1.2), 12.0)
    layer = canvas.copy()
    shown = hand.confidence >= min_confidence
    bones = [(p, c) for p, c in BONES if shown[p] and shown[c]]
    for p, c in bones:  # a dark rim holds the colours against any background
        _line(layer, points[p], points[c], INK, width * 1.9)
    for k in np.flatnonzero(shown):
        _disc(layer, points[k], _radius(k, width) + width * 0.55, INK)
    cv2.addWeighted(layer, 0.55, canvas, 0.45, 0, dst=layer)
    for p, c in bones:
        strength = math.sqrt(min(hand.confidence[p], hand.confidence[c]))
        color = _fade(layer, (points[p] + points[c]) / 2, KEYPOINT_COLORS[c], strength)
        _line(layer, points[p], points[c], color, width)
    for k in np.flatnonzero(shown):
        strength = math.sqrt(hand.confidence[k])
        color = _fade(layer, points[k], KEYPOINT_COLORS[k], strength)
        _disc(layer, points[k], _radius(k, width), color)
        shine = _fade(layer, points[k], np.array(PAPER), strength)
        _disc(layer, points[k], _radius(k, width) * 0.45, shine)
    canvas[:] = layer


def _draw_label(
    canvas: np.ndarray, hand: HandPose, taken: list[tuple[float, float, float]]
) -> None:
    """Write a hand's label above it, and above labels (left, right, top) already there."""
    x, y, w, _ = hand.box
    if not np.isfinite(hand.box).all():
        return
    letters = min(max(canvas.shape[0] / 42, 8.0), 22.0)
    parts = [hand.handedness, f"{hand.score:.0%}"]
    if hand.track_id:
        parts.insert(0, f"#{hand.track_id}")
    if hand.state == "lost":
        parts[-1] = "lost"
    elif math.isfinite(_distance(hand)):
        parts.append(f"{_distance(hand):.2f} m")
    string = "  ".join(parts)
    by_hand = (240, 180, 40) if hand.handedness == "right" else (90, 170, 240)
    color = GREY if hand.state == "lost" else by_hand
    if hand.state == "lost":
        corner, end = (round(x), round(y)), (round(x + w), round(y + hand.box[3]))
        cv2.rectangle(canvas, corner, end, GREY, 1, cv2.LINE_AA)
    top = min(max(y - 3.2 * letters, 2.0), canvas.shape[0] - 2.2 * letters)
    width = text_width(string, letters) + letters
    left = max(min(x, canvas.shape[1] - 2.0 - width), 2.0)
    line = 2.2 * letters
    for other_left, other_right, other_top in sorted(taken, key=lambda place: -place[2]):
        if left < other_right and other_left < left + width and abs(top - other_top) < line:
            top = max(other_top - line, 2.0)
    taken.append((left, left + width, top))
    text(canvas, string, (left, top), color, letters, INK)


def _distance(hand: HandPose) -> float:
    """Distance of the wrist in metres; NaN sorts as near."""
    return float(np.linalg.norm(hand.keypoints[0]))


def _radius(keypoint: int, width: float) -> float:
    return width * (1.15 if keypoint in FINGERTIPS or keypoint == 0 else 0.9)


def _fade(canvas: np.ndarray, at: np.ndarray, color: np.ndarray, strength: float) -> Color:
    """Mix a colour with what the canvas holds there, so that the unsure look translucent."""
    u = int(np.clip(round(float(at[0])), 0, canvas.shape[1] - 1))
    v = int(np.clip(round(float(at[1])), 0, canvas.shape[0] - 1))
    share = 0.15 + 0.85 * min(max(strength, 0.0), 1.0)
    mixed = share * np.asarray(color, dtype=np.float64) + (1 - share) * canvas[v, u]
    r, g, b = (int(c) for c in mixed)
    return r, g, b


def _fixed(point: np.ndarray) -> tuple[int, int]:
    scaled = np.clip(np.asarray(point, dtype=np.float64), -1e5, 1e5) * (1 << _SHIFT)
    return round(float(scaled[0])), round(float(scaled[1]))


def _line(
    canvas: np.ndarray, start: np.ndarray, end: np.ndarray, color: Color, width: float
) -> None:
    cv2.line(canvas, _fixed(start), _fixed(end), color, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _disc(canvas: np.ndarray, center: np.ndarray, radius: float, color: Color) -> None:
    fixed = max(1, round(radius * (1 << _SHIFT)))
    cv2.circle(canvas, _fixed(center), fixed, color, -1, cv2.LINE_AA, _SHIFT)
