"""A run over many recordings: one at a time in a folder, with a progress bar and a summary."""

from __future__ import annotations

import contextlib
import fcntl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from hand_pose_25d.archive.lerobot_columns import LEROBOT
from hand_pose_25d.archive.opening import with_count
from hand_pose_25d.archive.pool import WorkPlan
from hand_pose_25d.archive.process import Outcome
from hand_pose_25d.archive.units import Unit
from hand_pose_25d.io.parts import remove_abandoned_parts

LOCK = ".hand_pose_25d.lock"
Runner = Callable[[Sequence[Unit], WorkPlan, Callable[[int], None]], Iterator[Outcome]]
"""Shares recordings out: (units, plan, progress) -> outcomes as they come."""


def run_units(
    units: Sequence[Unit], plan: WorkPlan, runner: Runner, quiet: bool = False
) -> list[Outcome]:
    """Work on all recordings and return what became of each, in their order.

    Args:
        units: the recordings.
        plan: settings and where the files go; the folder is made.
        runner: shares them out.
        quiet: no progress bar.

    Raises OSError where the folder cannot be made, ValueError where another run works in it.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Outcome] = {}
    with locked(plan.out):
        for folder in (plan.out, plan.out / LEROBOT):
            remove_abandoned_parts(folder, folders=True)
        units = [with_count(unit, plan.settings) for unit in units]
        counts = {unit.name: unit.images or 0 for unit in units}
        total = sum(counts.values()) or None
        with tqdm(total=total, unit="image", disable=quiet) as bar:

            def advance(images: int) -> None:
                if bar.total is not None:  # a recording may have failed half way
                    bar.total = max(bar.total, bar.n + images)
                bar.update(images)

            for outcome in runner(units, plan, advance):
                found[outcome.name] = outcome
                if outcome.status != "done" and bar.total is not None:
                    bar.total = max(bar.total - counts[outcome.name], bar.n)
                bar.set_postfix_str(_counted(list(found.values())))
    return [found[unit.name] for unit in units]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder.  Raises ValueError where one is in it."""
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another run works in {folder}: wait for it, or choose --out"
            ) from error
        try:
            yield
        finally:
            remove_abandoned_parts(folder)  # of workers that were lost or ended with the run


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a table of the outcomes, failed ones last with reasons, and a line of sums."""
    rows = [("recording", "", "images", "hands", "s", "")]
    order = {"done": 0, "skipped": 1, "failed": 2}
    for o in sorted(outcomes, key=lambda o: order[o.status]):
        rows.append((o.name, o.status, str(o.images), str(o.hands), f"{o.seconds:.1f}", o.reason))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        f"{r[0]:<{widths[0]}}  {r[1]:<{widths[1]}}  {r[2]:>{widths[2]}}  {r[3]:>{widths[3]}}  "
        f"{r[4]:>{widths[4]}}  {r[5]}".rstrip()
        for r in rows
    ]
    return "\n".join([*lines, _counted(outcomes)])


def _counted(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{counts[name]} {name}" for name in ("done", "skipped", "failed"))
