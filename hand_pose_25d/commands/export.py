"""Write networks as ONNX, OpenVINO or TorchScript graphs, and check them against torch.

Without names it writes both shipped networks, the pose network and the detector.  A graph takes
images as they come, uint8 (N, H, W, 3) RGB under the name "images", any number N.  Give the files
to --weights and --detector (or the node's parameters of these names) to run them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_25d.inference.export import (
    FORMATS,
    check_export,
    export_network,
    shipped_weights,
)
from hand_pose_25d.inference.load import load_backend

TOLERANCE = 2e-3
"""Of each output's largest magnitude: float32 rounding through some fifty layers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "weights", nargs="*",
        help="names of shipped networks or .safetensors files (default: all shipped ones)",
    )  # fmt: skip
    parser.add_argument("--format", choices=tuple(FORMATS), default="onnx")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE|DIR",
        help="of one network, a file with the format's suffix; else a folder (default: here)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    names = args.weights or shipped_weights()
    suffix, output = FORMATS[args.format], args.output or Path()
    if len(names) == 1 and output.suffix:
        paths = [output]
    else:
        paths = [output / (Path(name).stem + suffix) for name in names]
    return max(_export(name, path, args.format) for name, path in zip(names, paths, strict=True))


def _export(name: str, path: Path, file_format: str) -> int:
    kind = export_network(name, path, file_format)
    exported = load_backend(path, kind, "cpu")  # as its users will load it
    differences = check_export(name, exported)
    for output, difference in differences.items():
        print(f"{output:15s} differs from torch by at most {difference:.1e}")
    if max(differences.values()) > TOLERANCE:
        print(f"{path}: differs from torch by more than {TOLERANCE:g}, so it is of no use")
        return 1
    if kind == "detector":
        takes = f"images of {' and '.join(map(str, exported.config['sizes']))} px"
    else:
        takes = "crops of {0} x {0} px".format(exported.config["input_size"])
    print(f"{path}: {kind}, {path.stat().st_size / 1e6:.1f} MB, {takes}, on {exported.name}")
    return 0
