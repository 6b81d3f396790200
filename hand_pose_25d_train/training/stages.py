"""Training in stages: each runs once, and a run that was stopped goes on at the one it was in.

A run's folder has `state.json`: what the run was begun with, and the stages that are done with
what they found.  A stage writes its outputs whole or not at all.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

STATE = "state.json"
Figures = dict[str, Any]
"""What a stage found: numbers and texts by name, for the report."""


@dataclass(frozen=True)
class TrainingStage:
    """A part of a run."""

    name: str
    run: Callable[[], Figures]
    outputs: tuple[Path, ...] = ()
    """Files and folders that are there when it is done."""


class StageError(RuntimeError):
    """A stage failed; the message names it."""


def write_json(path: Path, data: Any) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


def run_stages(
    stages: Sequence[TrainingStage], out: Path, begun_with: dict[str, Any]
) -> dict[str, Figures]:
    """Run what is not done yet; return what each stage found.

    `begun_with`: what decides the result, as JSON: the recipe and what it is applied to.
    Raises ValueError where the folder was begun with something else or a stage's output is gone,
    `StageError` where a stage fails.
    """
    state = _read_state(out, json.loads(json.dumps(begun_with)))
    done: dict[str, Figures] = state["done"]
    for number, stage in enumerate(stages, start=1):
        title = f"stage {number} of {len(stages)}, {stage.name}"
        if stage.name in done:
            _check_outputs(stage, out)
            logger.info("%s: done before", title)
            continue
        logger.info("%s: begins", title)
        start = time.monotonic()
        try:
            figures = stage.run()
        except Exception as error:
            raise StageError(
                f"{title} failed: {error} (the same command goes on with this stage)"
            ) from error
        _check_outputs(stage, out)
        done[stage.name] = {**figures, "seconds": round(time.monotonic() - start, 1)}
        write_json(out / STATE, state)
        logger.info("%s: done, %s", title, described(done[stage.name]))
    return done


def described(figures: Figures) -> str:
    """Return the figures as one line."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    )


def _read_state(out: Path, begun_with: dict[str, Any]) -> dict[str, Any]:
    path = out / STATE
    if not path.exists():
        state = {"begun_with": begun_with, "done": {}}
        write_json(path, state)
        return state
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        before, done = state["begun_with"], state["done"]
        assert isinstance(before, dict) and isinstance(done, dict)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise ValueError(f"{path} is damaged: {error!r}; name another folder") from error
    if changes := differences(before, begun_with):
        raise ValueError(
            f"{out} was begun with other settings: {'; '.join(changes[:5])}.  Give those of "
            "before, or name another folder with --out"
        )
    return dict(state)


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Return a line for each value that differs between two trees of mappings."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in sorted({*before, *now})
            for line in differences(before.get(key), now.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if before == now else [f"{where} is {now!r}, was {before!r}"]


def _check_outputs(stage: TrainingStage, out: Path) -> None:
    if missing := [path for path in stage.outputs if not path.exists()]:
        raise ValueError(
            f"stage {stage.name} is done, but {missing[0]} is missing; take {stage.name!r} out of "
            f"'done' in {out / STATE} to run it again"
        )
