"""`hand-pose-25d label`: 2D pseudo-labels for photographs of hands, made with MediaPipe.

A photograph is kept where MediaPipe finds the same hand in it and in its mirror image: the mean
distance of the keypoints must stay below a fraction of the hand's box.  MediaPipe names the hand
as seen in a mirror (its documentation says so), so its answer is exchanged here.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.images import list_images
from hand_pose_25d.skeleton import NUM_KEYPOINTS

SMALL_SIDE = 300
"""Images below this side are enlarged three times: MediaPipe's palm detector misses them else."""

logger = logging.getLogger(__name__)


@dataclass
class TeacherHand:
    """What MediaPipe predicts for one hand."""

    uv: np.ndarray
    """(21, 2) pixels of the photograph."""
    world: np.ndarray
    """(21, 3) metres about the hand's centre, axes of the camera."""
    is_right: bool
    score: float


class Teacher:
    """MediaPipe Hands (Apache-2.0), for single images."""

    def __init__(self, max_hands: int = 1, min_confidence: float = 0.3) -> None:
        try:
            import mediapipe
        except ImportError as error:
            raise ImportError(
                "labels are made with MediaPipe: pip install --no-deps mediapipe==0.10.21"
            ) from error
        self._hands = mediapipe.solutions.hands.Hands(
            static_image_mode=True,
            max_num_hands=max_hands,
            model_complexity=1,
            min_detection_confidence=min_confidence,
        )

    def __call__(self, image: np.ndarray) -> list[TeacherHand]:
        """Find hands in an (H, W, 3) uint8 RGB image that is not mirrored."""
        height, width = image.shape[:2]
        scale = 3.0 if min(height, width) < SMALL_SIDE else 1.0
        pad = round(0.25 * max(height, width) * scale) if scale > 1 else 0
        seen = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        seen = cv2.copyMakeBorder(seen, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        result = self._hands.process(seen)
        if not result.multi_hand_landmarks:
            return []
        size = np.array([seen.shape[1], seen.shape[0]], dtype=np.float64)
        hands = []
        for marks, world, handedness in zip(
            result.multi_hand_landmarks,
            result.multi_hand_world_landmarks,
            result.multi_handedness,
            strict=True,
        ):
            uv = np.array([(p.x, p.y) for p in marks.landmark]) * size
            uv = (uv - pad) / scale - 0.5 + 0.5 / scale
            xyz = np.array([(p.x, p.y, p.z) for p in world.landmark])
            name = handedness.classification[0]
            hands.append(TeacherHand(uv, xyz, name.label == "Left", float(name.score)))
        return hands


def mirrored(hand: TeacherHand, width: int) -> TeacherHand:
    """Return the hand as it would be seen in the image's mirror image."""
    uv = hand.uv * (-1, 1) + (width - 1, 0)
    return TeacherHand(uv, hand.world * (-1, 1, 1), not hand.is_right, hand.score)


def disagreement(a: TeacherHand, b: TeacherHand) -> float:
    """Return the mean keypoint distance as a fraction of the longer side of the first's box."""
    distance = np.linalg.norm(a.uv - b.uv, axis=-1).mean()
    return float(distance / max(np.ptp(a.uv, axis=0).max(), 1e-9))


def label_image(
    teacher: Teacher, image: np.ndarray, tolerance: float
) -> tuple[TeacherHand, float] | None:
    """Return the hand on which the image and its mirror image agree, and their disagreement."""
    hands = teacher(image)
    if not hands:
        return None
    reflection = np.ascontiguousarray(image[:, ::-1])
    back = [mirrored(hand, image.shape[1]) for hand in teacher(reflection)]
    pairs = [(disagreement(a, b), a, b) for a in hands for b in back if a.is_right == b.is_right]
    if not pairs:
        return None
    error, a, b = min(pairs, key=lambda pair: pair[0])
    if error > tolerance:
        return None
    uv, world = (a.uv + b.uv) / 2, (a.world + b.world) / 2
    return TeacherHand(uv, world, a.is_right, min(a.score, b.score)), error


def label_folder(folder: Path, out: Path, tolerance: float) -> tuple[int, int]:
    """Label every photograph below a folder; write one .npz; return (photographs, kept).

    The file holds names (relative to the folder), uv (N, 21, 2) px, world (N, 21, 3) m, is_right,
    score and disagreement.  Raises FileNotFoundError where the folder has no photographs.
    """
    from tqdm import tqdm

    paths = list_images(folder, what="photographs")
    teacher = Teacher(max_hands=2)
    names, hands, errors = [], [], []
    for path in tqdm(paths, unit="photo"):
        image = cv2.imread(str(path))
        if image is None:
            logger.warning("cannot read %s: left out", path)
            continue
        found = label_image(teacher, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), tolerance)
        if found is not None:
            names.append(path.relative_to(folder).as_posix())
            hands.append(found[0])
            errors.append(found[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        names=np.array(names, dtype=np.str_),
        uv=np.array([h.uv for h in hands], dtype=np.float32).reshape(-1, NUM_KEYPOINTS, 2),
        world=np.array([h.world for h in hands], dtype=np.float32).reshape(-1, NUM_KEYPOINTS, 3),
        is_right=np.array([h.is_right for h in hands], dtype=bool),
        score=np.array([h.score for h in hands], dtype=np.float32),
        disagreement=np.array(errors, dtype=np.float32),
    )
    partial.replace(out)
    return len(paths), len(names)


def mask_folder(folder: Path, labels: Path) -> int:
    """Write the masks of a folder's labelled photographs beside the labels; return their number.

    That of `a/b.jpg` goes to `<labels without suffix>/a/b.jpg.mask.png`, where datasets/photos.py
    looks for it.
    """
    from tqdm import tqdm

    from hand_pose_25d_train.labelling.masks import hand_mask

    table = np.load(labels)
    written = 0
    for name, uv in tqdm(list(zip(table["names"], table["uv"], strict=True)), unit="mask"):
        image = cv2.imread(str(folder / str(name)))
        mask = hand_mask(image, uv) if image is not None else None
        if mask is not None:
            path = labels.with_suffix("") / f"{name}.mask.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), (mask * 255).astype(np.uint8))
            written += 1
    return written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("folder", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.06,
        help="largest mean distance to the mirror image's label, as a fraction of the box",
    )
    parser.add_argument(
        "--masks",
        action="store_true",
        help="also cut the hands out of their plain backgrounds, for training before others",
    )


def run(args: argparse.Namespace) -> int:
    """Label the folder and say how many photographs were kept."""
    total, kept = label_folder(args.folder, args.out, args.tolerance)
    print(f"{kept} of {total} photographs kept, written to {args.out}")
    if args.masks:
        print(f"{mask_folder(args.folder, args.out)} masks written to {args.out.with_suffix('')}")
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
