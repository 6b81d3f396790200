"""Reads the operators and the constants of a TFLite file, as starting weights for our networks.

Training only.  MediaPipe's hand networks (Apache-2.0, in the `mediapipe` wheel) store float16
constants behind DEQUANTIZE operators; what comes out here is float32.  The file format is
https://ai.google.dev/edge/litert/conversion/tensorflow/flatbuffers_schema (schema.fbs).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}


@dataclass
class TFLiteOperator:
    """One operator: its name, which tensors it reads and writes, and the constants among them."""

    name: str
    inputs: list[int]
    outputs: list[int]
    constants: list[np.ndarray]
    """The constant inputs in their order: for a convolution the weights, then the bias."""
    output_shape: tuple[int, ...]


def mediapipe_model(name: str) -> Path:
    """Return the path of a model in the installed mediapipe wheel, "hand_landmark_full" say.

    Raises FileNotFoundError with what to install where the wheel or the model is missing.
    """
    spec = importlib.util.find_spec("mediapipe")
    folder = Path(spec.origin).parent / "modules" if spec and spec.origin else Path("mediapipe")
    found = sorted(folder.glob(f"*/{name}.tflite"))
    if not found:
        raise FileNotFoundError(
            f"no {name}.tflite: pip install --no-deps mediapipe==0.10.21 "
            "(later wheels ship no models)"
        )
    return found[0]


def read_tflite(path: Path) -> list[TFLiteOperator]:
    """Return the operators of the file's first graph in execution order, DEQUANTIZE left out."""
    from tflite.BuiltinOperator import BuiltinOperator
    from tflite.Model import Model

    names = {value: key for key, value in vars(BuiltinOperator).items() if isinstance(value, int)}
    model = Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    constants: dict[int, np.ndarray] = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        data = model.Buffers(tensor.Buffer()).DataAsNumpy()
        if isinstance(data, np.ndarray) and tensor.Type() in _DTYPES:
            array = data.view(_DTYPES[tensor.Type()])
            shape = tensor.ShapeAsNumpy()
            constants[index] = array.reshape(shape) if isinstance(shape, np.ndarray) else array
    operators = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = operator.InputsAsNumpy().tolist()
        outputs = operator.OutputsAsNumpy().tolist()
        if name == "DEQUANTIZE":
            constants[outputs[0]] = constants[inputs[0]].astype(np.float32)
            continue
        shape = graph.Tensors(outputs[0]).ShapeAsNumpy()
        operators.append(
            TFLiteOperator(
                name,
                inputs,
                outputs,
                [constants[i] for i in inputs if i in constants],
                tuple(int(n) for n in shape),
            )
        )
    return operators
