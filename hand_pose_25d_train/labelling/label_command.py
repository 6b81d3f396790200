"""`hand-pose-25d label`: 2D pseudo-labels for photographs of hands.

By default for photographs of one hand each, made with MediaPipe: kept is where MediaPipe finds the
same hand in a photograph and in its mirror image, the mean distance of the keypoints below a
fraction of the hand's box.  With `--consensus` for photographs of any kind: kept are all hands on
which MediaPipe's and the shipped networks agree (labelling/consensus.py, choice.py), the others
become boxes.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import cv2
import numpy as np

from hand_pose_25d.io.images import list_images
from hand_pose_25d.skeleton import NUM_KEYPOINTS
from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.labelling.mediapipe_hands import Teacher, TeacherHand

logger = logging.getLogger(__name__)


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

    table = load_arrays(labels)
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
    parser.add_argument(
        "--consensus", action="store_true",
        help="label all hands on which the networks agree, box the others; what is done is in "
        "OUT.jsonl, and the same command goes on from there",
    )  # fmt: skip
    parser.add_argument(
        "--boxes", type=Path, metavar="CSV",
        help="boxes of hands: file, x, y, width, height; default: the folder's boxes.csv",
    )  # fmt: skip
    parser.add_argument(
        "--no-bodies", action="store_true", help="no hands by a person's body: close-ups"
    )
    parser.add_argument(
        "--drop", type=Path, metavar="TXT",
        help="labels found wrong by eye, a line each: a name, or name#row; they become boxes",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Label the folder and say how many photographs were kept."""
    if args.consensus:
        return _run_consensus(args)
    total, kept = label_folder(args.folder, args.out, args.tolerance)
    print(f"{kept} of {total} photographs kept, written to {args.out}")
    if args.masks:
        print(f"{mask_folder(args.folder, args.out)} masks written to {args.out.with_suffix('')}")
    return 0


def _run_consensus(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hand_pose_25d_train.labelling.choice import read_dropped, write_labels
    from hand_pose_25d_train.labelling.consensus import Consensus
    from hand_pose_25d_train.labelling.records import read_boxes, read_records, record_folder

    given = args.boxes or args.folder / "boxes.csv"
    boxes = read_boxes(given) if args.boxes or given.is_file() else {}
    dropped = read_dropped(args.drop) if args.drop else frozenset[str]()
    path = args.out.with_suffix(".jsonl")
    consensus = Consensus(bodies=not args.no_bodies)
    for _ in tqdm(record_folder(args.folder, path, consensus, boxes), unit="photo"):
        pass
    photographs, hands, others = write_labels(
        args.out, read_records(path), args.tolerance, dropped
    )
    print(f"{photographs} photographs: {hands} hands, {others} boxes, written to {args.out}")
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
