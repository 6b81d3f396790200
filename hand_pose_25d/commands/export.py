"""Write networks as ONNX, OpenVINO or TorchScript graphs, and check them against torch.

Without names it writes both shipped networks, the pose network and the detector.  A graph takes
images as they come, uint8 (N, H, W, 3) RGB under the name "images", any number N.  Give the files
to --weights and --detector (or the node's parameters of these names) to run them.

With --precision int8 it writes ONNX graphs of pose networks in 8-bit integers, which take two
thirds of the time on CPUs with VNNI (Intel's from 2019 on, AMD's from Zen 4 on), four fifths on
those with AVX2 alone.  What numbers their layers give is read off --images: photographs, folders
or videos with hands, of the kind that they are to see.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from hand_pose_25d.inference.export import (
    FORMATS,
    check_export,
    export_network,
    kind_of,
    shipped_weights,
)
from hand_pose_25d.inference.load import INT8_SUFFIX, load_backend
from hand_pose_25d.io.sources import open_source

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
    parser.add_argument(
        "--precision", choices=("float32", "int8"), default="float32",
        help="of an ONNX graph (default: float32)",
    )  # fmt: skip
    parser.add_argument(
        "--images", nargs="+", metavar="SOURCE",
        help="for int8: images, folders or videos with hands to calibrate it with",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    int8 = args.precision == "int8"
    names = args.weights or [
        n for n in shipped_weights() if not (int8 and kind_of(n) == "detector")
    ]
    if int8 and args.format != "onnx":
        raise ValueError(f"--precision int8 is for --format onnx, got {args.format}")
    if int8 != bool(args.images):
        raise ValueError("--images goes with --precision int8, and that with --images")
    suffix, output = INT8_SUFFIX if int8 else FORMATS[args.format], args.output or Path()
    if len(names) == 1 and output.suffix:
        paths = [output]
    else:
        paths = [output / (Path(name).stem + suffix) for name in names]
    pairs = zip(names, paths, strict=True)
    if int8:
        return max(_quantize(name, path, args.images) for name, path in pairs)
    return max(_export(name, path, args.format) for name, path in pairs)


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


def _quantize(name: str, path: Path, sources: list[str]) -> int:
    from hand_pose_25d.inference.quantize import int8_graph, network_inputs

    inputs = network_inputs(name, _spread(sources))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(int8_graph(name, inputs))
    small = load_backend(path, "pose network", "cpu")
    plain = load_backend(name, "pose network", "cpu", precision="float32")
    answers = [(small(images), plain(images)) for images in inputs]
    for output in plain.outputs:
        away = np.concatenate([np.abs(a[output] - b[output]).ravel() for a, b in answers])
        print(f"{output:15s} differs from float32 by {np.median(away):.2g} in the median")
    size = path.stat().st_size / 1e6
    print(f"{path}: {size:.1f} MB, calibrated with {len(inputs)} crops, on {small.name}")
    return 0


def _spread(names: list[str]) -> Iterator[np.ndarray]:
    """Return images of all sources in turn, of each as many, evenly spread."""
    from hand_pose_25d.inference.quantize import ENOUGH

    sources = [open_source(name) for name in names]
    each = -(-ENOUGH // len(sources))
    steps = [max((source.length or each) // each, 1) for source in sources]
    rest = [islice(s.frames, 0, None, step) for s, step in zip(sources, steps, strict=True)]
    while rest:
        for frames in list(rest):
            if (frame := next(frames, None)) is None:
                rest.remove(frames)
            else:
                yield frame.image
