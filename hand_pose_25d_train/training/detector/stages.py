"""The stages of `recipes/detector.yaml`: from rendered scenes and photographs to the detector."""

from __future__ import annotations

import shutil
from pathlib import Path

from hand_pose_25d.inference.detector import Detector
from hand_pose_25d_train.evaluation.project.detection import LOWEST_SCORE, evaluate_detection
from hand_pose_25d_train.evaluation.project.labelled_images import rendered_images
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.detector.trainer import DetectorData, train_detector
from hand_pose_25d_train.training.materials import Materials, label_stage, render_stage
from hand_pose_25d_train.training.recipe import DetectorRecipe, Size
from hand_pose_25d_train.training.stages import Figures, TrainingStage

DETECTOR_WEIGHTS_FILE = "detector.safetensors"


def detector_stages(
    recipe: DetectorRecipe, size: Size, materials: Materials
) -> list[TrainingStage]:
    """Return the stages in order; "train" writes `detector.safetensors`."""
    out = materials.out
    negatives = out / "negatives"

    def mine() -> Figures:
        if materials.people is None:
            negatives.mkdir(exist_ok=True)
            return {"faces": 0}
        from hand_pose_25d_train.training.detector.faces import faces_without_hands

        partial = out / "negatives.partial"
        shutil.rmtree(partial, ignore_errors=True)
        count = faces_without_hands(materials.people, partial)
        shutil.rmtree(negatives, ignore_errors=True)
        partial.replace(negatives)
        return {"faces": count}

    def train() -> Figures:
        distractors = [negatives] if any(negatives.glob("*.png")) else []
        photographs = Photographs(
            materials.labels(), materials.backgrounds, distractors, materials.people
        )
        data = DetectorData(
            [materials.rendered("scenes")], [materials.rendered("crops")], photographs
        )
        loop = recipe.loop_config(
            out / "train",
            size.steps,
            size.learning_rate,
            seed=recipe.seed,
            device=materials.device,
            minutes=materials.minutes,
        )
        weights = train_detector(
            recipe.network, recipe.start, data, recipe.shares, loop, size.batch_size,
            recipe.scene_sides, materials.workers, recipe.teaching,
        )  # fmt: skip
        _copy(weights, out / DETECTOR_WEIGHTS_FILE)
        return {"steps": size.steps, "scenes": size.steps * size.batch_size}

    def judge() -> Figures:
        detector = Detector("cpu", out / DETECTOR_WEIGHTS_FILE, LOWEST_SCORE, backend="torch")
        images = rendered_images(materials.rendered("holdout"), size.holdout)
        summary = evaluate_detection(detector.detect, images).summary
        return {
            "images": summary.images,
            "hands": summary.hands,
            "AP50": float(summary.ap50),
            "recall at 0.5": float(summary.recall_at_default),
            "false positives an image at 0.5": float(summary.false_positives_at_default),
        }

    return [
        render_stage(recipe, size, materials, "scenes"),
        label_stage(recipe, materials),
        TrainingStage("mine", mine, (negatives,)),
        TrainingStage("train", train, (out / DETECTOR_WEIGHTS_FILE,)),
        TrainingStage("judge", judge),
    ]


def _copy(source: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.copyfile(source, partial)
    partial.replace(target)
