"""Tables, CSV files and PCK plots of a protocol's rows."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hand_pose_25d_train.datasets.standin import MARKER, read_mark
from hand_pose_25d_train.evaluation import metrics
from hand_pose_25d_train.evaluation.metrics import Summary
from hand_pose_25d_train.evaluation.paper.paper_numbers import PAPER_ROWS
from hand_pose_25d_train.evaluation.paper.protocols import Protocol, Row

REPORT_COLUMNS = ("AUC 2D", "median px", "mean px", "AUC 3D", "median mm", "mean mm")
CURVE_POINTS = 101


def data_line(name: str, folder: Path, used: int, total: int) -> str:
    """Say which data a table was measured on; a stand-in is never called the dataset."""
    note = read_mark(folder)
    count = f"{used} of {total} samples" if used != total else f"{total} samples"
    if note is None:
        return f"Data: {name} in {folder}, {count}."
    return (
        f"Data: NOT {name} but a stand-in for it ({note['source']}; {folder}/{MARKER}), {count}. "
        "The paper's rows are on the dataset itself, so theirs and ours are not to be compared."
    )


def table(protocol: Protocol, rows: Sequence[Row]) -> list[list[str]]:
    """Return the table's cells, the header first: the paper's rows, then ours."""
    extras = list(dict.fromkeys(key for row in rows for key in row.extra))
    cells = [["", *REPORT_COLUMNS, *extras, "missing"]]
    for paper in PAPER_ROWS.get(protocol.name, ()):
        values = [_number(value, digits) for value, digits in zip(paper[1:], _DIGITS, strict=True)]
        cells.append([f"paper: {paper.name}", *values, *["-"] * len(extras), "-"])
    for row in rows:
        found = _cells(row.summary_2d, 1.0) + _cells(row.summary_3d, 1000.0)
        further = [_number(row.extra.get(key), 2 if "mm" not in key else 1) for key in extras]
        missing = row.summary_3d.missing if row.summary_3d else row.summary_2d.missing
        cells.append([f"ours: {row.network}, {row.method}", *found, *further, str(missing)])
    return cells


_DIGITS = (2, 2, 2, 3, 2, 2)


def _cells(summary: Summary | None, unit: float) -> list[str]:
    if summary is None:
        return ["-"] * 3
    digits = _DIGITS[:3] if unit == 1.0 else _DIGITS[3:]
    values = (summary.auc, summary.median * unit, summary.mean * unit)
    return [_number(value, d) for value, d in zip(values, digits, strict=True)]


def _number(value: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.{digits}f}"


def format_table(cells: list[list[str]]) -> str:
    """Return the table as Markdown, padded so that it reads as plain text too."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write_csv(path: Path, cells: list[list[str]], data: str) -> None:
    """Write the table with a last column that says which data it is about."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*cells[0], "data"])
        for row in cells[1:]:
            writer.writerow([*row, "" if row[0].startswith("paper:") else data])


class Curve(NamedTuple):
    """A line of Fig. 3."""

    label: str
    pck: np.ndarray
    """(T,)"""
    auc: float


def curves(protocol: Protocol, rows: Sequence[Row]) -> dict[str, tuple[np.ndarray, list[Curve]]]:
    """Return "2d" and, where there is 3D, "3d" -> thresholds (T,) in px or mm, and the curves."""
    thresholds = np.linspace(*metrics.AUC_2D_PIXELS, CURVE_POINTS)
    flat: dict[str, Curve] = {}
    for row in rows:  # methods share their 2D pose: one curve for each that differs
        shortened = row.method.partition(", ")[2]
        label = ", ".join(part for part in (row.network, shortened) if part)
        flat.setdefault(
            label, Curve(label, metrics.pck(row.errors_2d, thresholds), row.summary_2d.auc)
        )
    found = {"2d": (thresholds, list(flat.values()))}
    if protocol.has_3d:
        thresholds = np.linspace(*protocol.range_3d, CURVE_POINTS)
        in_space = [
            Curve(
                f"{row.network}, {row.method}",
                metrics.pck(row.errors_3d, thresholds),
                row.summary_3d.auc,
            )
            for row in rows
            if row.errors_3d is not None and row.summary_3d is not None
        ]
        found["3d"] = (thresholds * 1000, in_space)
    return found


def write_curves(folder: Path, protocol: Protocol, rows: Sequence[Row], data: str) -> list[Path]:
    """Write the PCK curves of Fig. 3, as CSV and as PNG; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind, (thresholds, lines) in curves(protocol, rows).items():
        unit = "px" if kind == "2d" else "mm"
        path = folder / f"{protocol.name}_pck_{kind}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([f"threshold {unit}", *[line.label for line in lines]])
            for i, threshold in enumerate(thresholds):
                writer.writerow([f"{threshold:.3f}", *[f"{line.pck[i]:.5f}" for line in lines]])
        image = path.with_suffix(".png")
        draw_curves(image, protocol.title, unit, thresholds, lines, data)
        files += [path, image]
    return files


def draw_curves(
    path: Path, title: str, unit: str, thresholds: np.ndarray, lines: Sequence[Curve], data: str
) -> None:
    """Draw one plot of Fig. 3 as PNG, with what it was measured on at its foot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.0))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.14, 0.87, 0.78))
    for line in lines:
        axes.plot(thresholds, line.pck, label=f"{line.label} (AUC {line.auc:.3f})")
    axes.set(xlabel=f"error threshold ({unit})", ylabel="PCK", ylim=(0, 1), title=title)
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="lower right")
    figure.text(0.02, 0.02, data.partition(". ")[0][:120], fontsize=6)
    figure.savefig(path, dpi=120)
