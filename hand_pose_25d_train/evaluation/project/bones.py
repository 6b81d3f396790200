"""`evaluate bones`: depths in photographs, judged without knowing them.

A person's bones have the same lengths whatever sign the hand makes and whichever way it points.
So where ten photographs of one person are seen one by one, the scatter of each bone's length from
photograph to photograph tells how wrong the 2.5D poses are that it comes from: no depth has been
measured, and none is needed.  Nothing here knows a person's or a population's bones but the size
of each hand, which is chosen so that all twenty bones fit the usual proportions best.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d_train.datasets.bone_proportions import best_distance, lengths_at
from hand_pose_25d_train.datasets.held_out import number_of
from hand_pose_25d_train.datasets.photos import LabelledPhoto, load_photos
from hand_pose_25d_train.evaluation.project.network import MEDIAPIPE_NETWORK, load, predict
from hand_pose_25d_train.labelling.photo_folder import photo_folder

MIN_SIGNS = 5
"""Photographs of a person from which a scatter is taken."""
_TRIED = 200

PARTS = {
    "palm": [4, 8, 12, 16],
    "thumb": [0, 1, 2, 3],
    "first": [5, 9, 13, 17],
    "second": [6, 10, 14, 18],
    "last": [7, 11, 15, 19],
}
"""Bones: wrist - knuckles, the thumb's, and the fingers' three, from the palm outwards."""


def person_of(photo: LabelledPhoto) -> int | None:
    """Return whose hand it is, as the ASL digits are numbered: ten signs one after another."""
    return None if photo.sign is None else number_of(photo.name) - photo.sign


def fitted_lengths(rays: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return the bones' lengths (N, 20) over the reference bone's.

    rays (N, 21, 2) normalised coordinates, depth (N, 21).  The distance of the root is the one at
    which the bones fit the usual proportions best.
    """
    xy, z = (torch.from_numpy(np.asarray(a, np.float64)) for a in (rays, depth - depth[:, :1]))
    return lengths_at(xy, z, best_distance(xy, z, _TRIED)[:, None])[:, 0].numpy()


def scatter(lengths: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Return the standard deviation (20,) of the logarithm of each bone's length in a person.

    lengths (N, 20), persons (N,); over those with at least MIN_SIGNS photographs.  NaN for none.
    """
    variances = []
    for person in np.unique(persons):
        own = np.log(lengths[persons == person])
        if len(own) >= MIN_SIGNS:
            variances.append(own.var(0, ddof=1))
    return np.sqrt(np.mean(variances, 0)) if variances else np.full(20, np.nan)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the protocol's options."""
    parser.add_argument("--photos", type=photo_folder, nargs="+", required=True, metavar="DIR=NPZ")
    parser.add_argument("--weights", nargs="+", default=["accurate", MEDIAPIPE_NETWORK])
    parser.add_argument("--all", action="store_true", help="not only the held-out photographs")


def run(args: argparse.Namespace) -> int:
    """Print the table.  Raises ValueError where no photograph's name shows a sign."""
    photos: list[LabelledPhoto] = []
    for folder, labels in args.photos:
        found = load_photos(folder, labels, None if args.all else True)
        photos += [photo for photo in found if person_of(photo) is not None]
    if not photos:
        which, hint = "held-out ", "; --all takes those that are trained on too"
        if args.all:
            which = hint = ""
        raise ValueError(
            f"--photos: no {which}photograph's name begins with the digit that it shows, as in "
            f"3_IMG_1204.jpg, which tells whose hand it is{hint}"
        )
    persons = np.array([person_of(photo) for photo in photos])
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in args.weights:
        network = load(name)
        cameras = [photo.virtual_camera(int(network.input_size)) for photo in photos]  # type: ignore[arg-type]
        crops = [camera.sample(photo.image) for camera, photo in zip(cameras, photos, strict=True)]
        predicted = predict(network, crops)
        rows[name] = _rays(cameras, predicted.uv), predicted.depth
    labelled = _rays(
        cameras, [v.image_to_crop(photo.uv) for v, photo in zip(cameras, photos, strict=True)]
    )
    weak = np.array([photo.weak_depth for photo in photos])
    rows["MediaPipe, whole"] = labelled, weak
    rows["its pixels, no depths"] = labelled, np.zeros_like(weak)
    print(f"{len(photos)} photographs of {len(np.unique(persons))} people")
    print(f"{'':26}   scatter of a person's bones, %")
    print(f"{'':26}{'all':>9}" + "".join(f"{part:>9}" for part in PARTS))
    for name, (rays, depth) in rows.items():
        percent = 100 * scatter(fitted_lengths(rays, depth), persons)
        parts = "".join(f"{percent[bones].mean():9.1f}" for bones in PARTS.values())
        print(f"{Path(name).stem:26}{percent.mean():9.1f}{parts}")
    return 0


def _rays(cameras: list[VirtualCamera], uv: Iterable[np.ndarray]) -> np.ndarray:
    return np.array([camera.rays(points) for camera, points in zip(cameras, uv, strict=True)])
