"""What `hand-pose-25d benchmark` found, as text, JSON, Markdown and a plot."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hand_pose_25d import __version__
from hand_pose_25d.commands.timing import MEDIAPIPE, Contender

START, END = "<!-- hand-pose-25d benchmark -->", "<!-- end of benchmark -->"
"""Around the figures in a Markdown file."""
PACKAGES = ("onnxruntime", "openvino", "torch", "mediapipe", "numpy", "opencv-python-headless")
FEATURES = {
    "AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 VNNI": "avx512_vnni",
    "AVX-512 bfloat16": "avx512_bf16", "AMX": "amx_tile",
}  # fmt: skip
"""Of CPUs, and their flags in /proc/cpuinfo."""


@dataclass
class Report:
    """The figures of one run, and what they were measured on."""

    images: int
    size: tuple[int, int]
    """(width, height), pixels."""
    networks: str
    load: int
    """Busy processes beside."""
    parts: dict[str, float]
    """Median milliseconds."""
    contenders: list[Contender] = field(default_factory=list)

    @property
    def median_ms(self) -> dict[str, float]:
        """Parts and whole images, medians and 95th percentiles, by name."""
        figures = dict(self.parts)
        for contender in self.contenders:
            row = contender.row()
            if contender.name == MEDIAPIPE:
                figures[f"MediaPipe full, max_num_hands={contender.max_hands}"] = row["median"]
            else:
                figures[f"track, max_hands={contender.max_hands}"] = row["median"]
                figures[f"track, max_hands={contender.max_hands}, 95 %"] = row["p95"]
        return figures

    def ratios(self, contender: Contender) -> dict[str, float]:
        """Return median, p95 and worst over MediaPipe's median; nothing without MediaPipe."""
        for other in self.contenders:
            if other.name == MEDIAPIPE and other.max_hands == contender.max_hands:
                median, row = other.row()["median"], contender.row()
                return {name: row[name] / median for name in ("median", "p95", "worst")}
        return {}

    def describe(self) -> str:
        """Say in a paragraph what was measured where."""
        width, height = self.size
        beside = f"{self.load} busy processes beside" if self.load else "no load added"
        return (
            f"{self.images} images of {width} x {height} px; {self.networks}; {beside}; "
            f"{machine()}; {versions()}."
        )

    def markdown(self) -> str:
        """Return tables of whole images and of the parts."""
        lines = [
            "| whole images | median ms | 95 % | 99 % | worst | hands an image "
            "| median, 95 %, worst over MediaPipe's median |",
            "|---" * 7 + "|",
        ]
        for contender in sorted(self.contenders, key=lambda c: c.max_hands):
            row = contender.row()
            ratios = ", ".join(f"{r:.2f}" for r in self.ratios(contender).values())
            lines.append(
                f"| {contender.name}, at most {contender.max_hands} | {row['median']:.1f} "
                f"| {row['p95']:.1f} | {row['p99']:.1f} | {row['worst']:.1f} "
                f"| {row['hands']:.2f} | {ratios} |"
            )
        lines += ["", "| part | median ms |", "|---|---|"]
        lines += [f"| {name} | {value:.2f} |" for name, value in self.parts.items()]
        return "\n".join([self.describe(), "", *lines]) + "\n"

    def write_json(self, path: Path) -> None:
        """Write every figure, each image's time included."""
        tables = [
            {"name": c.name, "max_hands": c.max_hands, **c.row(), "over_mediapipe": self.ratios(c),
             "times_ms": [round(t, 3) for t in c.times]}
            for c in self.contenders
        ]  # fmt: skip
        content = {
            "measured": self.describe(), "median_ms": self.median_ms, "whole_images": tables
        }  # fmt: skip
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def write_markdown(text: str, path: Path) -> None:
    """Write the figures, in place of those in the file where it has some, else at its end."""
    block = f"{START}\n{text}{END}\n"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    pattern = re.compile(re.escape(START) + ".*?" + re.escape(END) + "\n?", re.DOTALL)
    if pattern.search(before):
        after = pattern.sub(lambda _: block, before, count=1)
    else:
        after = f"{before}\n{block}" if before else block
    path.write_text(after, encoding="utf-8")


def plot(contenders: Sequence[Contender], path: Path) -> None:
    """Draw each image's time.  Raises ModuleNotFoundError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = sorted({contender.max_hands for contender in contenders})
    figure = Figure(figsize=(8, 2.6 * len(most)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, count in zip(figure.subplots(len(most), squeeze=False)[:, 0], most, strict=True):
        for contender in contenders:
            if contender.max_hands == count:
                axes.plot(contender.times, label=contender.name, linewidth=1)
        axes.set(title=f"at most {count}", xlabel="image", ylabel="ms", ylim=(0, None))
        axes.legend()
    figure.savefig(path, dpi=120)


def machine() -> str:
    """Name the CPU, what it has, and how many cores this process may use."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        info = ""
    model = re.search(r"model name\s*:\s*(.+)", info)
    flags = set(info.split())
    has = [name for name, flag in FEATURES.items() if flag in flags]
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    name = model.group(1).strip() if model else platform.processor() or platform.machine()
    return f"{cores} cores of {name}" + (f" ({', '.join(has)})" if has else "")


def versions() -> str:
    """List the versions of Python, of this package and of those that matter for speed."""
    found = [f"Python {platform.python_version()}", f"hand_pose_25d {__version__}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
