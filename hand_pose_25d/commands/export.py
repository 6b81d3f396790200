"""Write the pose network as an ONNX, OpenVINO or TorchScript graph, and check it against torch.

The graph takes crops as they come, uint8 (N, S, S, 3) RGB under the name "images", for any number
of hands N, and gives uv, depth, uv_covariance, depth_variance, confidence, presence, right.  Give
an .onnx or .xml file to --weights (or the parameter `weights` of the node) to run it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hand_pose_25d.inference.export import (
    FORMATS,
    OnnxRuntime,
    OpenVinoRuntime,
    check_export,
    export_network,
    torchscript_runner,
)

TOLERANCE = 2e-3
"""Of each output's largest magnitude: float32 rounding through some fifty layers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "weights", nargs="?", default="realtime",
        help="name of a shipped network or a .safetensors file (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--format", choices=tuple(FORMATS), default="onnx")
    parser.add_argument("-o", "--output", type=Path, help="default: NAME with the format's suffix")


def run(args: argparse.Namespace) -> int:
    path = args.output or Path(Path(args.weights).stem + FORMATS[args.format])
    if path.suffix != FORMATS[args.format]:
        raise ValueError(f"an {args.format} file must end in {FORMATS[args.format]}, got {path}")
    size = export_network(args.weights, path, args.format)
    differences = check_export(args.weights, _runner(args.format, path), size)
    for name, difference in differences.items():
        print(f"{name:15s} differs from torch by at most {difference:.1e}")
    if max(differences.values()) > TOLERANCE:
        print(f"{path}: differs from torch by more than {TOLERANCE:g}, so it is of no use")
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, crops of {size} x {size} px")
    return 0


def _runner(file_format: str, path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Load the file as its users will."""
    if file_format == "torchscript":
        return torchscript_runner(path)
    return (OnnxRuntime(path, "cpu") if file_format == "onnx" else OpenVinoRuntime(path)).raw
