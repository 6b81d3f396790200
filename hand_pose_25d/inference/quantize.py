"""Quantisation: a pose network's ONNX graph with most of its convolutions in int8.

Weights are int8 with a scale for each output channel, activations uint8 with a scale for each
map, which comes from what the float32 network gives for the images that it is calibrated with
(Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018).  ONNX Runtime's own tools do the work.  A detector gains nothing: its
5 x 5 depthwise convolutions take longer in int8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.base import METADATA
from hand_pose_25d.inference.detector import Detector
from hand_pose_25d.inference.export import kind_of, onnx_graph
from hand_pose_25d.inference.pose_network import load_pose_network
from hand_pose_25d.networks.files import SEAL, UNSEALED, sealed

FLOAT_LAYERS = 6
"""The first convolutions, which stay in float32: every layer after them inherits their rounding.
With two of them instead, the shipped network's errors grow by 2 %, with six by none."""
OUTPUT_LAYERS = "/heads."
"""In the names of the last convolutions, which stay in float32: maps of 256 steps are too coarse
to read positions off."""
ENOUGH = 200
"""Crops to calibrate with."""
CALIBRATION_ANGLE = 60.0
"""Field of view, degrees, that a photograph is taken to have."""
_OPERATORS = ["Conv", "Clip", "Relu", "Add"]


def network_inputs(
    network: str | Path, images: Iterable[np.ndarray], count: int = ENOUGH
) -> list[np.ndarray]:
    """Return what a pose network sees of (H, W, 3) uint8 RGB images: (1, S, S, 3) uint8, each.

    Those are the hands that the shipped detector finds there, the first `count`.
    """
    return list(islice(_crops(network, images), count))


def int8_graph(network: str | Path, inputs: Iterable[np.ndarray]) -> bytes:
    """Return a network as the contents of an ONNX file in int8, calibrated with these inputs.

    Raises ValueError without inputs, and for a detector.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from hand_pose_25d.inference.onnx_graph import half_weights

    if kind_of(network) != "pose network":
        raise ValueError(f"int8 is for pose networks: the detector {network} is slower in it")
    feeds = [{"images": images} for images in inputs]
    if not feeds:
        raise ValueError("no inputs to calibrate with: the images show no hands")

    class Feeds(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._rest = iter(feeds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._rest, None)

    with TemporaryDirectory() as folder:
        plain, whole, small = (Path(folder) / f"{name}.onnx" for name in ("a", "b", "c"))
        plain.write_bytes(onnx_graph(network, "pose network"))
        quant_pre_process(str(plain), str(whole), skip_symbolic_shape=True)
        nodes = onnx.load(str(whole)).graph.node
        convolutions = [node.name for node in nodes if node.op_type == "Conv"]
        quantization.quantize_static(
            str(whole),
            str(small),
            Feeds(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=convolutions[:FLOAT_LAYERS] + _after_maps(nodes),
        )
        model = half_weights(onnx.load(str(small)))
    model.graph.ClearField("value_info")
    stored = {entry.key: entry.value for entry in model.metadata_props}
    metadata = {**json.loads(stored[METADATA]), "precision": "int8", SEAL: UNSEALED}
    onnx.helper.set_model_props(model, {METADATA: json.dumps(metadata, sort_keys=True)})
    return sealed(model.SerializeToString())


def _after_maps(nodes: Sequence[Any]) -> list[str]:
    """Return the names of the output layers and of what no output layer depends on.

    Positions, in pixels, would have 256 values.
    """
    needed = {name for node in nodes if OUTPUT_LAYERS in node.name for name in node.input}
    outside = []
    for node in reversed(nodes):
        if OUTPUT_LAYERS not in node.name and needed & set(node.output):
            needed |= set(node.input)
        else:
            outside.append(node.name)
    return outside


def _crops(network: str | Path, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    size = load_pose_network(network, "cpu", precision="float32").input_size
    detector = Detector("cpu", precision="float32")
    for image in images:
        height, width = image.shape[:2]
        camera = Camera.from_field_of_view(CALIBRATION_ANGLE, width, height)
        for detection in detector.detect_single(image):
            mirror = detection.p_right < 0.5
            view = VirtualCamera.from_region(camera, detection.region(), size, mirror)
            yield view.sample(image)[None]
