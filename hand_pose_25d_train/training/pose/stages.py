"""The stages of a pose network: from rendered hands and photographs to the finished file.

They are those of recipes/accurate.yaml and recipes/realtime.yaml.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from hand_pose_25d.networks.latent import LatentNetwork
from hand_pose_25d.networks.weights import read_config, save_network
from hand_pose_25d_train.datasets.shards import ShardDataset
from hand_pose_25d_train.evaluation.project.crops import collect, report
from hand_pose_25d_train.networks.formulations import load_any
from hand_pose_25d_train.training.average import average_networks
from hand_pose_25d_train.training.config import TrainConfig
from hand_pose_25d_train.training.detector.composed import Photographs
from hand_pose_25d_train.training.loop_config import LoopConfig
from hand_pose_25d_train.training.materials import Materials, label_stage, render_stage
from hand_pose_25d_train.training.pose.covariance_calibration import (
    calibrate_covariance,
    calibrate_handedness,
)
from hand_pose_25d_train.training.pose.presence import fit_presence, gather
from hand_pose_25d_train.training.pose.trainer import Folders, train
from hand_pose_25d_train.training.recipe import PoseRecipe, Size
from hand_pose_25d_train.training.stages import Figures, TrainingStage

POSE_WEIGHTS_FILE = "pose.safetensors"


def pose_stages(recipe: PoseRecipe, size: Size, materials: Materials) -> list[TrainingStage]:
    """Return the stages in order; the last but one writes `pose.safetensors`."""
    made = _Pose(recipe, size, materials)
    out = materials.out
    return [
        render_stage(recipe, size, materials, "crops"),
        label_stage(recipe, materials),
        TrainingStage("train", made.train, (made.trained,)),
        *(
            TrainingStage(f"settle-{number}", partial(made.settle, number), (path,))
            for number, path in enumerate(made.settled)
        ),
        TrainingStage("average", made.average, (made.averaged,)),
        TrainingStage("calibrate", made.calibrate, (made.calibrated,)),
        TrainingStage("presence", made.presence, (out / POSE_WEIGHTS_FILE,)),
        TrainingStage("judge", made.judge),
    ]


class _Pose:
    """What the stages do, and where they put it."""

    def __init__(self, recipe: PoseRecipe, size: Size, materials: Materials) -> None:
        self.recipe, self.size, self.materials = recipe, size, materials
        out = materials.out
        self.trained = out / "train" / "weights.safetensors"
        runs = range(len(recipe.settle.runs))
        self.settled = [out / f"settle-{n}" / "weights.safetensors" for n in runs]
        self.averaged = out / "average.safetensors"
        self.calibrated = out / "calibrated.safetensors"

    def train(self) -> Figures:
        """Train from the recipe's starting weights."""
        loop = self._loop(self.trained, self.size.steps, 1.0, self.recipe.seed)
        loop = replace(loop, minutes=self.materials.minutes)
        return self._fit(self._config(self.recipe.start), loop)

    def settle(self, number: int) -> Figures:
        """Train a little more, at a smaller rate."""
        rate, run = self.recipe.settle.rate, self.recipe.settle.runs[number]
        loop = self._loop(self.settled[number], self.size.settle_steps, rate, run.seed)
        config = self._config(str(self.trained))
        loss = replace(config.loss, certainty=run.certainty)
        return self._fit(replace(config, loss=loss), loop)

    def average(self) -> Figures:
        """Average the last training runs and the long one."""
        paths = [self.trained, *self.settled]
        before = self.recipe.settle.before if self.settled else 1.0
        rest = [(1 - before) / len(self.settled)] * len(self.settled) if self.settled else []
        networks = [load_any(path) for path in paths]
        mean = average_networks(networks, [before, *rest])
        save_network(mean, read_config(self.trained), self.averaged)
        return {"networks": len(paths)}

    def calibrate(self) -> Figures:
        """Set covariances and the handedness' logit by the first half of the hold-out."""
        network = _latent(self.averaged)
        truth = collect(self._holdout(), 0, self.size.holdout // 2, network.input_size)
        calibrate_covariance(network, truth)
        slope, offset = calibrate_handedness(network, truth.crops)
        save_network(network, read_config(self.averaged), self.calibrated)
        return {
            "crops": len(truth.crops),
            "variances of pixels times": float(network.uv_calibration.mean()),
            "of depths times": float(network.depth_calibration.mean()),
            "handedness' logit times": slope,
            "plus": offset,
        }

    def presence(self) -> Figures:
        """Fit the presence to what the detector takes for hands."""
        network, options = _latent(self.calibrated), self.recipe.presence
        crops, scenes = (self.materials.rendered(kind) for kind in ("crops", "scenes"))
        photographs = Photographs(
            self.materials.labels(), self.materials.backgrounds, [], self.materials.people
        )
        asked = gather(network, options, crops, scenes, photographs)
        figures = fit_presence(network, asked, options.offset)
        save_network(network, read_config(self.calibrated), self.materials.out / POSE_WEIGHTS_FILE)
        return figures

    def judge(self) -> Figures:
        """Measure on the second half of the hold-out."""
        network = _latent(self.materials.out / POSE_WEIGHTS_FILE)
        half = self.size.holdout // 2
        truth = collect(self._holdout(), half, self.size.holdout - half, network.input_size)
        return report(network, truth)

    def _holdout(self) -> ShardDataset:
        return ShardDataset(self.materials.rendered("holdout"), masks=False)

    def _loop(self, weights: Path, steps: int, factor: float, seed: int) -> LoopConfig:
        rate = self.size.learning_rate * factor
        device = self.materials.device
        return self.recipe.loop_config(weights.parent, steps, rate, seed=seed, device=device)

    def _config(self, start: str) -> TrainConfig:
        recipe = self.recipe
        data = recipe.data_config(self.size.batch_size)
        return TrainConfig(
            recipe.network, {}, start, recipe.teacher, data, recipe.loss, list(recipe.freeze)
        )

    def _fit(self, config: TrainConfig, loop: LoopConfig) -> Figures:
        materials = self.materials
        crops = [materials.rendered("crops")]
        folders = Folders(crops, materials.labels(), materials.backgrounds)
        train(config, folders, loop, materials.workers, materials.resident)
        return {"steps": loop.steps, "samples": loop.steps * self.size.batch_size}


def _latent(path: Path) -> LatentNetwork:
    network = load_any(path)
    if not isinstance(network, LatentNetwork):
        raise ValueError(f"{path} is not a latent network")
    return network
