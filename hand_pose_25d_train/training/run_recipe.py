"""Runs a recipe's stages and writes its report."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hand_pose_25d_train.training.detector.stages import DETECTOR_WEIGHTS_FILE as DETECTOR_WEIGHTS
from hand_pose_25d_train.training.detector.stages import detector_stages
from hand_pose_25d_train.training.device import training_device
from hand_pose_25d_train.training.distributed import world
from hand_pose_25d_train.training.materials import Materials
from hand_pose_25d_train.training.pose.stages import POSE_WEIGHTS_FILE as POSE_WEIGHTS
from hand_pose_25d_train.training.pose.stages import pose_stages
from hand_pose_25d_train.training.recipe import (
    DetectorRecipe,
    PoseRecipe,
    Recipe,
    Size,
    load_recipe,
)
from hand_pose_25d_train.training.stages import TrainingStage, run_stages, write_json


def run_recipe(
    name: str,
    materials: Materials,
    path: Path | None = None,
    size: str = "auto",
    changes: dict[str, Any] | None = None,
    sizes: dict[str, Any] | None = None,
) -> Path:
    """Make a network, or go on with the run in `materials.out`; return the weights' path.

    Args:
        name: "accurate", "realtime" or "detector".
        path: a recipe's file; default: the shipped one.
        size: "cpu" or "gpu"; "auto" is by the device.
        changes: values that replace the recipe's, where they are not None.
        sizes: values that replace the size's, where they are not None.

    Raises ValueError under torchrun, for a bad recipe and where the folder was begun with another
    one, `StageError` where a stage fails.
    """
    if world()[1] > 1:
        raise ValueError("a recipe runs as one process, not under torchrun")
    recipe = _changed(load_recipe(name, path), changes)
    if size == "auto":
        size = "gpu" if training_device(materials.device).type == "cuda" else "cpu"
    chosen: Size = _changed(recipe.sizes[size], sizes)
    stages = _stages(recipe, chosen, materials)
    recipe = replace(recipe, sizes=dict.fromkeys(recipe.sizes, chosen))
    begun_with = {"network": name, "recipe": asdict(recipe), "materials": materials.described()}
    figures = run_stages(stages, materials.out, begun_with)
    report = {**begun_with, "stages": figures, "torch": torch.__version__}
    write_json(materials.out / "report.json", report)
    return materials.out / (DETECTOR_WEIGHTS if name == "detector" else POSE_WEIGHTS)


def _stages(recipe: Recipe, size: Size, materials: Materials) -> list[TrainingStage]:
    if isinstance(recipe, PoseRecipe):
        return pose_stages(recipe, size, materials)
    assert isinstance(recipe, DetectorRecipe)
    return detector_stages(recipe, size, materials)


def _changed(settings: Any, changes: dict[str, Any] | None) -> Any:
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    return replace(settings, **given)
