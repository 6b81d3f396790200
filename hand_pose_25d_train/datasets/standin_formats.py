"""Writes hands in the on-disk formats of the public datasets: the readers' other direction.

Each writer takes hands that are already in the dataset's camera (`standin.placed`) and undoes what
its reader does: keypoint order, units, frames, conventions.  Only the formats are the datasets'.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from hand_pose_25d.io.images import write_image
from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets import (
    dexter_object,
    ego_dexter,
    mpii_nzsl,
    mvbs,
    rhp,
    shp,
    synthhands,
)
from hand_pose_25d_train.datasets.sample import intrinsics, project
from hand_pose_25d_train.datasets.standin import Hand, mark, mirrored_hand, placed, read_mark

_Hands = Sequence[Hand]
TIPS = list(FINGERTIPS)
GREEN = (0, 255, 0)


def inverse(order: Sequence[int]) -> np.ndarray:
    """Return the permutation that undoes `order`."""
    return np.argsort(order)


def write_rhp(folder: Path, hands: _Hands, split: str) -> None:
    """Colour, mask and pickle; the hand that is not there is at the origin and unseen."""
    annotations = {}
    for number, hand in enumerate(hands):
        s = hand.sample
        write_image(folder / split / "color" / f"{number:05d}.png", s.image)
        mask = np.where(hand.mask, rhp.RIGHT_MASK[0] if s.is_right else rhp.LEFT_MASK[0], 0)
        grey = np.dstack([mask.astype(np.uint8)] * 3)
        write_image(folder / split / "mask" / f"{number:05d}.png", grey)
        uv_vis, xyz = np.zeros((42, 3)), np.zeros((42, 3))
        rows = inverse(rhp.ORDER)
        start = 21 if s.is_right else 0
        uv_vis[start : start + 21, :2] = s.uv[rows]
        uv_vis[start : start + 21, 2] = np.nan_to_num(s.visibility, nan=1.0)[rows]
        xyz[start : start + 21] = s.xyz[rows]
        annotations[number] = {"uv_vis": uv_vis, "xyz": xyz.astype(np.float32), "K": s.K}
    with (folder / split / f"anno_{split}.pickle").open("wb") as file:
        pickle.dump(annotations, file, protocol=2)


def shp_labels(xyz: np.ndarray) -> np.ndarray:
    """(N, 21, 3) metres, canonical -> handPara (3, 21, N) in mm, palm's centre for wrist."""
    palm = xyz.copy()
    palm[:, 0] = (xyz[:, 0] + xyz[:, shp.RING_MCP]) / 2
    return palm[:, inverse(shp.ORDER)].transpose(2, 1, 0) * 1000


def write_shp(folder: Path, hands: _Hands, split: str) -> None:
    """The left camera of the stereo pair; the frames are dealt to the split's sequences."""
    from scipy.io import savemat

    sequences = shp.SPLITS[split][:2]
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    for index, sequence in enumerate(sequences):
        chosen = list(hands)[index :: len(sequences)]
        if not chosen:
            continue
        for number, hand in enumerate(chosen):
            write_image(shp.image_path(folder, sequence, "BB_left", number), hand.sample.image)
        labels = shp_labels(np.stack([hand.sample.xyz for hand in chosen]))
        savemat(shp.label_path(folder, sequence, "BB_left"), {"handPara": labels})


def dexter_points(xyz: np.ndarray) -> np.ndarray:
    """(5, 3) metres in the colour camera -> the annotation, mm in the depth camera."""
    matrix = dexter_object.DEPTH_TO_COLOR
    depth = np.linalg.solve(matrix[:, :3], (xyz - matrix[:, 3]).T).T
    return depth * (dexter_object.XY_SIGN, dexter_object.XY_SIGN, 1.0) * 1000


def write_dexter_object(folder: Path, hands: _Hands, split: str) -> None:
    """Fingertips only, dealt to two of the sequences."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    sequences = dexter_object.SEQUENCES[:2]
    for index, sequence in enumerate(sequences):
        lines: dict[str, list[str]] = {"2D": [], "3D": []}
        for number, hand in enumerate(list(hands)[index :: len(sequences)], start=1):
            write_image(dexter_object.image_path(folder, sequence, number), hand.sample.image)
            points = dexter_points(hand.sample.xyz[TIPS])
            sign = (dexter_object.XY_SIGN, dexter_object.XY_SIGN, 1.0)
            pixels = project(points * sign, dexter_object.K_DEPTH)
            lines["3D"].append(";".join(",".join(f"{v:.4f}" for v in p) for p in points))
            lines["2D"].append(";".join(",".join(f"{v:.3f}" for v in p) for p in pixels))
        for kind, content in lines.items():
            path = folder / "annotations" / f"{sequence}{kind}.txt"
            path.write_text("\n".join(content) + "\n", encoding="utf-8")


def write_ego_dexter(folder: Path, hands: _Hands, split: str) -> None:
    """The colour view of one sequence."""
    root = folder / "data" / ego_dexter.SEQUENCES[0]
    matrix = ego_dexter.DEPTH_TO_COLOR
    pixel_lines, point_lines = [], []
    for number, hand in enumerate(hands):
        write_image(ego_dexter.image_path(root, "color", number), hand.sample.image)
        tips = hand.sample.xyz[TIPS] - matrix[:, 3]
        points = np.linalg.solve(matrix[:, :3], tips.T).T
        pixels = project(points, ego_dexter.K_DEPTH)
        point_lines.append("".join(", ".join(f"{v:.4f}" for v in p) + "; " for p in points * 1000))
        pixel_lines.append("".join(f"{u:.3f},{v:.3f};" for u, v in pixels))
    (root / "annotation.txt").write_text("\n".join(pixel_lines) + "\n", encoding="utf-8")
    (root / "annotation.txt_3D.txt").write_text("\n".join(point_lines) + "\n", encoding="utf-8")


def write_synthhands(folder: Path, hands: _Hands, split: str) -> None:
    """The hand before a green screen."""
    for number, hand in enumerate(hands):
        joints = folder / "male_noobject/seq01/cam01/01" / f"{number:08d}_joint_pos.txt"
        image = np.where(hand.mask[..., None], hand.sample.image, np.array(GREEN, np.uint8))
        write_image(synthhands.image_path(joints), image)
        values = (hand.sample.xyz * 1000).ravel()
        joints.write_text(",".join(f"{v:.4f}" for v in values) + "\n", encoding="utf-8")


def hand_entry(hand: Hand) -> dict:
    """Return the annotation in the format of `hand_labels`; the head follows from the box."""
    s = hand.sample
    x, y, w, h = s.tight_box()
    head = max(w, h) / mpii_nzsl.BOX_HEADS
    return {
        "hand_pts": np.column_stack([s.uv, np.ones(21)]).tolist(),
        "hand_box_center": [x + w / 2, y + h / 2],
        "head_box": [[0.0, 0.0], [head, head]],
        "head_size": head,
        "is_left": int(not s.is_right),
        "is_mpii": 0,
    }


def write_mpii_nzsl(folder: Path, hands: _Hands, split: str) -> None:
    """One file a hand."""
    root = folder / "hand_labels" / mpii_nzsl.SPLITS[split][0]
    for number, hand in enumerate(hands):
        path = root / f"standin_{number:05d}.jpg"
        write_image(path, hand.sample.image)
        path.with_suffix(".json").write_text(json.dumps(hand_entry(hand)), encoding="utf-8")


def write_mvbs(folder: Path, hands: _Hands, split: str) -> None:
    """Half in the format of either release; the second has right hands only."""
    hands = list(hands)
    listed = [hand for hand in hands[1::2] if hand.sample.is_right]
    for number, hand in enumerate(hand for hand in hands if not any(hand is h for h in listed)):
        path = folder / mvbs.SYNTH / "synth1" / f"{number:05d}.jpg"
        write_image(path, hand.sample.image)
        path.with_suffix(".json").write_text(json.dumps(hand_entry(hand)), encoding="utf-8")
    entries = []
    for number, hand in enumerate(listed):
        name = f"imgs/{number:08d}.jpg"
        write_image(folder / mvbs.PANOPTIC / name, hand.sample.image)
        entries.append({"img_paths": name, "joint_self": hand_entry(hand)["hand_pts"]})
    if entries:
        path = folder / mvbs.PANOPTIC / mvbs.PANOPTIC_LIST
        path.write_text(json.dumps({"root": entries}), encoding="utf-8")


def write_freihand(folder: Path, hands: _Hands, split: str) -> None:
    """Images and the two lists."""
    for number, hand in enumerate(hands):
        write_image(folder / split / "rgb" / f"{number:08d}.jpg", hand.sample.image)
    for kind, values in (
        ("K", [hand.sample.K.tolist() for hand in hands]),
        ("xyz", [hand.sample.xyz.tolist() for hand in hands]),
    ):
        (folder / f"{split}_{kind}.json").write_text(json.dumps(values), encoding="utf-8")


def standin_close_up(hand: Hand, side: int) -> np.ndarray:
    """Return intrinsics (3, 3) with which the hand fills half of a side x side image."""
    extent = np.ptp(project(hand.sample.xyz, np.eye(3)), axis=0).max()
    focal = 0.5 * side / float(extent)
    return intrinsics(focal, focal, (side - 1) / 2, (side - 1) / 2)


Writer = Callable[[Path, _Hands, str], None]
Target = Callable[[Hand], tuple[np.ndarray, tuple[int, int]]]

VGA = (640, 480)
STANDIN_FORMATS: dict[str, tuple[Writer, Target, bool | None]] = {
    "rhp": (write_rhp, lambda hand: (standin_close_up(hand, 320), (320, 320)), None),
    "shp": (write_shp, lambda hand: (shp.CAMERAS["BB_left"], VGA), False),
    "dexter_object": (write_dexter_object, lambda hand: (dexter_object.K_COLOR, VGA), False),
    "ego_dexter": (write_ego_dexter, lambda hand: (ego_dexter.K_COLOR, VGA), False),
    "synthhands": (write_synthhands, lambda hand: (synthhands.K_COLOR, VGA), False),
    "mpii_nzsl": (write_mpii_nzsl, lambda hand: (standin_close_up(hand, 400), (400, 400)), None),
    "mvbs": (write_mvbs, lambda hand: (standin_close_up(hand, 400), (400, 400)), None),
    "freihand": (write_freihand, lambda hand: (standin_close_up(hand, 224), (224, 224)), True),
}
"""Dataset -> its writer, the camera and image size that a hand gets, and which hands it has."""


def write_standin(
    name: str,
    folder: Path,
    hands: Iterable[Hand],
    count: int,
    split: str,
    source: str,
    seed: int = 0,
) -> int:
    """Write up to `count` hands as a dataset; return how many were written.

    `source` says in STANDIN.json where the hands come from.  Hands that do not fit into the
    dataset's images are left out.  Raises ValueError for an unknown dataset or where no hand fits,
    and FileExistsError where the folder holds anything that is no stand-in.
    """
    if name not in STANDIN_FORMATS:
        raise ValueError(f"unknown dataset {name!r}; known are {', '.join(STANDIN_FORMATS)}")
    if folder.is_dir() and any(folder.iterdir()) and read_mark(folder) is None:
        raise FileExistsError(f"{folder} is not empty and holds no stand-in: nothing written")
    writer, target, is_right = STANDIN_FORMATS[name]
    rng = np.random.default_rng(seed)
    chosen: list[Hand] = []
    for hand in hands:
        if len(chosen) == count:
            break
        if is_right is not None and hand.sample.is_right != is_right:
            hand = mirrored_hand(hand)
        there = placed(hand, *target(hand), rng)
        if there is not None:
            chosen.append(there)
    if not chosen:
        raise ValueError(f"no hand to write as {name}")
    folder.mkdir(parents=True, exist_ok=True)
    writer(folder, chosen, split)
    mark(folder, name, source, len(chosen))
    return len(chosen)
