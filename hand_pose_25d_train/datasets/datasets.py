"""The public datasets by name: which module reads each, and which splits it has."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from hand_pose_25d_train.datasets.sample import Dataset


@dataclass(frozen=True)
class DatasetDescription:
    """A dataset: its reader's class, in the module of the dataset's name, and what it holds."""

    reader: str
    splits: tuple[str, ...]
    title: str


DATASETS: dict[str, DatasetDescription] = {
    "rhp": DatasetDescription("RHP", ("training", "evaluation"), "Rendered Hand Pose"),
    "shp": DatasetDescription("SHP", ("training", "evaluation"), "Stereo Hand Pose"),
    "dexter_object": DatasetDescription("DexterObject", ("evaluation",), "Dexter+Object"),
    "ego_dexter": DatasetDescription("EgoDexter", ("evaluation",), "EgoDexter"),
    "synthhands": DatasetDescription("SynthHands", ("training",), "SynthHands"),
    "mpii_nzsl": DatasetDescription("MPIINZSL", ("training", "evaluation"), "MPII+NZSL hands"),
    "mvbs": DatasetDescription("MVBS", ("training",), "multi-view bootstrapping"),
    "freihand": DatasetDescription("FreiHAND", ("training", "evaluation"), "FreiHAND"),
}


def dataset_module(name: str) -> ModuleType:
    """Return the module of a dataset; ValueError listing the names for an unknown one."""
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}; known are {', '.join(DATASETS)}")
    return importlib.import_module(f"hand_pose_25d_train.datasets.{name}")


def open_dataset(
    name: str, folder: Path | str, split: str | None = None, **options: Any
) -> Dataset:
    """Open a split of a dataset, its evaluation split by default where it has one.

    `options` go to the reader: camera= (shp), view= (ego_dexter), backgrounds= (synthhands).
    """
    module = dataset_module(name)
    source = DATASETS[name]
    return getattr(module, source.reader)(Path(folder), split or source.splits[-1], **options)
