"""Hands as columns of a LeRobot data set: a copy of its Parquet and metadata, videos linked.

Every row (an image) gets, for the left and the right hand, the features of `FEATURES`.  What is
not known is NaN; `score` is then 0.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hand_pose_25d.archive.lerobot import read_info
from hand_pose_25d.archive.parquet import read_rows
from hand_pose_25d.archive.units import Unit, own_names
from hand_pose_25d.io.parts import part_path

AXES = ["x", "y", "z"]
FEATURES: dict[str, tuple[int, list[str]]] = {
    "keypoints": (63, [f"{k}.{axis}" for k in range(21) for axis in AXES]),
    "keypoints_std": (63, [f"{k}.{axis}" for k in range(21) for axis in AXES]),
    "wrist_pose": (7, [*AXES, "qx", "qy", "qz", "qw"]),
    "score": (1, ["score"]),
}
"""Of `observation.hand_left.` and `observation.hand_right.`: m, m, m and 1, 1.  Smoothed, where
the run smooths."""
_HANDS = ("left", "right")
LEROBOT = "lerobot"
"""Folder of the copies, in that of the results."""


def feature_name(hand: str, feature: str) -> str:
    """Return a feature's name in the data set."""
    return f"observation.hand_{hand}.{feature}"


def write_data_sets(units: Sequence[Unit], out: Path) -> list[Path]:
    """Write a copy, OUT/lerobot/NAME, of each data set among the units; return their folders.

    Episodes that failed have no hands in it.  A copy that was there is replaced as a whole.

    Raises ValueError as `copies` does.
    """
    targets = copies(units, out)
    for source, target in targets.items():
        _write(source, [unit for unit in units if unit.path == source], out, target)
    return list(targets.values())


def copies(units: Sequence[Unit], out: Path) -> dict[Path, Path]:
    """Return where the copy of each data set goes.

    Raises ValueError for a folder that is there and no copy, or a data set's own.
    """
    sources = sorted({unit.path for unit in units if unit.kind == "lerobot"})
    names = own_names([source.name for source in sources], map(str, sources))
    targets = {source: out / LEROBOT / name for source, name in zip(sources, names, strict=True)}
    own = {source.resolve() for source in sources}
    for target in targets.values():
        if target.resolve() in own or (target.exists() and not is_copy(target)):
            raise ValueError(f"{target} would be overwritten: choose another --out")
    return targets


def is_copy(folder: Path) -> bool:
    """Whether a folder is a data set that has the columns of hands."""
    path = folder / "meta/info.json"
    try:
        return path.is_file() and feature_name("left", "score") in read_info(folder)["features"]
    except (OSError, ValueError):
        return False


def _write(source: Path, units: list[Unit], out: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part, old = part_path(target.parent), part_path(target.parent)
    try:
        shutil.copytree(source / "meta", part / "meta")
        hands = {u.episode: _episode_hands(out / f"{u.name}.parquet") for u in units}
        sums = _Sums()
        for file in sorted((source / "data").rglob("*.parquet")):
            copy = part / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(_with_hands(pq.read_table(file), hands, sums), copy)
        _describe(part, sums)
        if (source / "videos").is_dir():
            (part / "videos").symlink_to(os.path.relpath(source / "videos", target))
        if target.exists():
            target.replace(old)
        part.replace(target)
    finally:
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


def _episode_hands(path: Path) -> dict[int, dict[str, dict[str, np.ndarray]]]:
    """Return by image and handedness the features of the best such hand."""
    found: dict[int, dict[str, dict[str, np.ndarray]]] = defaultdict(dict)
    if not path.is_file():
        return found
    for row in read_rows(path):
        if row["track_id"] is None or row["state"] == "lost":
            continue
        image, hand = found[row["frame_index"]], row["handedness"]
        if hand not in image or row["score"] > image[hand]["score"][0]:
            image[hand] = _features(row)
    return found


def _features(row: dict[str, Any]) -> dict[str, np.ndarray]:
    prefix = "smoothed_" if row["smoothed_keypoints"] is not None else ""
    covariance = np.reshape(row[f"{prefix}covariance"], (21, 3, 3))
    wrist = [*row[f"{prefix}wrist_position"], *row[f"{prefix}wrist_orientation"]]
    return {
        "keypoints": np.array(row[f"{prefix}keypoints"]),
        "keypoints_std": np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).ravel(),
        "wrist_pose": np.array(wrist),
        "score": np.array([row["score"]]),
    }


def _with_hands(table: pa.Table, hands: dict[Any, Any], sums: _Sums) -> pa.Table:
    keys = list(
        zip(table["episode_index"].to_pylist(), table["frame_index"].to_pylist(), strict=True)
    )
    for hand in _HANDS:
        for feature, (size, _) in FEATURES.items():
            missing = np.full(size, 0.0 if feature == "score" else np.nan)
            rows = [
                hands.get(e, {}).get(f, {}).get(hand, {}).get(feature, missing) for e, f in keys
            ]
            values = np.array(rows, dtype=np.float32).reshape(len(keys), size)
            name = feature_name(hand, feature)
            sums.add(name, values)
            flat = pa.array(values.ravel())
            # As lerobot stores vectors, and single numbers as such.
            column = flat if size == 1 else pa.FixedSizeListArray.from_arrays(flat, size)
            table = table.append_column(name, column)
    # The description that Hugging Face's datasets puts there does not know the new columns.
    return table.replace_schema_metadata(None)


class _Sums:
    """Statistics of columns, of what is known."""

    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, name: str, values: np.ndarray) -> None:
        """Take rows of a column."""
        self._parts[name].append(values.astype(np.float64))

    def statistics(self) -> dict[str, dict[str, list[float]]]:
        """Return mean, std, min, max and count as meta/stats.json has them; 0, 1, 0, 0 of none."""
        found = {}
        for name, parts in self._parts.items():
            values = np.concatenate(parts)
            known = values[np.isfinite(values).all(1)]
            size = values.shape[1]
            shown = known if len(known) else np.zeros((1, size))
            std = shown.std(0) if len(known) else np.ones(size)
            found[name] = {
                "mean": shown.mean(0).tolist(), "std": std.tolist(), "min": shown.min(0).tolist(),
                "max": shown.max(0).tolist(), "count": [len(known)],
            }  # fmt: skip
        return found


def _describe(folder: Path, sums: _Sums) -> None:
    """Enter the new features in meta/info.json and meta/stats.json."""
    info = read_info(folder)
    for hand in _HANDS:
        for feature, (size, names) in FEATURES.items():
            described = {"dtype": "float32", "shape": [size], "names": names}
            info["features"][feature_name(hand, feature)] = described
    (folder / "meta/info.json").write_text(json.dumps(info, indent=4), encoding="utf-8")
    path = folder / "meta/stats.json"
    stats = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(stats | sums.statistics(), indent=4), encoding="utf-8")
