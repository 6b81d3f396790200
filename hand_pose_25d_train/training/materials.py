"""The first stages of both recipes: rendered images, and labels of photographs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_pose_25d_train.training.recipe import Recipe, RenderOptions, Size
from hand_pose_25d_train.training.stages import Figures, TrainingStage

_KINDS = ("crops", "scenes", "holdout")
"""Folders of rendered images: two to train on, one of other bodies."""
SEEDS_APART = 10_000_000
"""Between the first images of two folders."""


@dataclass(frozen=True)
class Materials:
    """What a run is applied to, and where it writes."""

    out: Path
    renders: Path | None = None
    """Finished renders: folders `crops`, `scenes` and `holdout`; None: the run makes them."""
    photos: list[tuple[Path, Path | None]] = field(default_factory=list)
    """Folders of photographed hands, with labels where there are some already."""
    backgrounds: list[Path] = field(default_factory=list)
    skins: Path | None = None
    objects: Path | None = None
    people: Path | None = None
    device: str = "auto"
    workers: int = 0
    """Processes that render and that make batches; 0: this one makes the batches."""
    minutes: float | None = None
    """The long training run ends by the clock."""
    resident: int = 0
    """So many rendered crops stay on the device, see `hand-pose-25d train --resident`."""

    def described(self) -> dict[str, Any]:
        """Return what decides the result, as JSON; not how fast it comes."""
        return {
            "renders": str(self.renders or ""),
            "photos": [[str(folder), str(labels or "")] for folder, labels in self.photos],
            "backgrounds": [str(folder) for folder in self.backgrounds],
            "skins": str(self.skins or ""),
            "objects": str(self.objects or ""),
            "people": str(self.people or ""),
            "minutes": self.minutes,
            "resident": self.resident,
        }

    def rendered(self, kind: str) -> Path:
        """Return the folder of the crops, the scenes or the hold-out."""
        return (self.renders or self.out / "renders") / kind

    def labels(self) -> list[tuple[Path, Path]]:
        """Return the folders of photographs with their labels: those given or made by the run."""
        return [
            (folder, given or self.out / "labels" / f"{number}-{folder.name}.npz")
            for number, (folder, given) in enumerate(self.photos)
        ]


def render_stage(recipe: Recipe, size: Size, materials: Materials, holdout: str) -> TrainingStage:
    """Return the stage that renders, or checks what was rendered before.

    `holdout`: "crops" or "scenes", what the hold-out shows.
    """
    modes = {"crops": "crops", "scenes": "scenes", "holdout": holdout}
    counts = {kind: getattr(size, kind) for kind in _KINDS}

    def run() -> Figures:
        for number, kind in enumerate(_KINDS):
            folder = materials.rendered(kind)
            if materials.renders is None:
                held = kind == "holdout"
                _render(recipe.render, materials, modes[kind], folder, counts[kind], number, held)
            elif not any(folder.glob("shard-*.npz")):
                raise FileNotFoundError(
                    f"--renders {materials.renders}: no shards in {folder}; it needs folders "
                    f"{', '.join(_KINDS)} as an earlier run has them in OUT/renders"
                )
        return {} if materials.renders else counts

    return TrainingStage("render", run, tuple(materials.rendered(kind) for kind in _KINDS))


def _render(
    options: RenderOptions,
    materials: Materials,
    mode: str,
    folder: Path,
    count: int,
    number: int,
    held_out: bool,
) -> None:
    from tqdm import tqdm

    from hand_pose_25d_train.render.body.skins import list_skins
    from hand_pose_25d_train.render.bulk import Job, run
    from hand_pose_25d_train.render.command import held_out_part

    part = "only" if held_out else "without"
    height = options.scene_height
    backgrounds = [file for where in materials.backgrounds for file in list_skins(where)]
    job = Job(
        mode=mode,
        size=(options.crop_side,) * 2 if mode == "crops" else (round(height * 4 / 3), height),
        count=count,
        first_seed=options.seed + number * SEEDS_APART,
        bodies=tuple(options.holdout_bodies if held_out else options.bodies),  # type: ignore[arg-type]
        skins=held_out_part(list_skins(materials.skins), 5, part),
        backgrounds=held_out_part(backgrounds, 10, part),
        objects=tuple(str(file) for file in list_skins(materials.objects)),
        shard=options.shard,
        **options.shares(),
    )
    with tqdm(total=count, unit="image", desc=folder.name, mininterval=5) as bar:
        for done in run(job, folder, max(materials.workers, 1)):
            bar.update(done)


def label_stage(recipe: Recipe, materials: Materials) -> TrainingStage:
    """Return the stage that labels the photographs that have no labels yet, with their masks."""

    def run() -> Figures:
        from hand_pose_25d_train.labelling.label_command import label_folder, mask_folder

        figures: Figures = {"folders": len(materials.photos)}
        for (folder, given), (_, labels) in zip(materials.photos, materials.labels(), strict=True):
            if given is None:
                total, kept = label_folder(folder, labels, recipe.tolerance)
                masks = mask_folder(folder, labels)
                figures[folder.name] = f"{kept} of {total} photographs labelled, {masks} masks"
            elif not given.is_file():
                raise FileNotFoundError(f"no labels {given}")
        return figures

    return TrainingStage("label", run, tuple(labels for _, labels in materials.labels()))
