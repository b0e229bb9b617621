"""Small files of TensorFlow Lite, written by TensorFlow's own schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

Arrays = Mapping[str, np.ndarray]
"""Kernels as Keras has them, HWIO or HWC1, by the scope of their convolution."""

SCALE, ZERO = 0.03, 128


def write_tflite(path: Path, kernels: Arrays) -> dict[str, np.ndarray]:
    """A model of convolutions with uint8 kernels and int32 biases; gives what they dequantise to.

    A kernel with a last axis of 1 and more than one channel is a depthwise one.
    """
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes = [_code(schema.BuiltinOperator.ADD)]
    model.operatorCodes += [_code(schema.BuiltinOperator.CONV_2D)]
    model.operatorCodes += [_code(schema.BuiltinOperator.DEPTHWISE_CONV_2D)]
    graph.tensors, graph.operators = [], [_operator(0, [])]
    expected = {}
    for number, (scope, kernel) in enumerate(kernels.items()):
        depthwise = kernel.shape[-1] == 1
        stored = np.clip(np.rint(kernel / SCALE) + ZERO, 0, 255).astype(np.uint8)
        channels = kernel.shape[2] if depthwise else kernel.shape[3]
        bias = np.arange(channels, dtype=np.int32) - number
        expected[f"{scope}.kernel"] = (stored.astype(np.float32) - ZERO) * np.float32(SCALE)
        expected[f"{scope}.bias"] = bias * np.float32(0.01)
        order = (3, 0, 1, 2)
        first = len(graph.tensors)
        name = f"{scope}/Conv2D_Fold;{scope}/weights_quant/FakeQuantWithMinMaxVars"
        for tensor, words, scale, zero in (
            (stored.transpose(order), name, SCALE, ZERO),
            (bias, f"{scope}/bias", 0.01, 0),
        ):
            graph.tensors.append(_tensor(tensor, words, len(model.buffers), scale, zero))
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(tensor).tobytes(), np.uint8)
            model.buffers.append(buffer)
        graph.operators.append(_operator(2 if depthwise else 1, [-1, first, first + 1]))
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return expected


def _code(number: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    return code


def _operator(code: int, inputs: list[int]) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs = code, np.array(inputs, np.int32)
    return operator


def _tensor(array: np.ndarray, name: str, buffer: int, scale: float, zero: int) -> Any:
    tensor, quantisation = schema.TensorT(), schema.QuantizationParametersT()
    quantisation.scale = np.array([scale], np.float32)
    quantisation.zeroPoint = np.array([zero], np.int64)
    tensor.shape, tensor.buffer = np.array(array.shape, np.int32), buffer
    tensor.name, tensor.quantization = name.encode(), quantisation
    tensor.type = schema.TensorType.UINT8 if array.dtype == np.uint8 else schema.TensorType.INT32
    return tensor
