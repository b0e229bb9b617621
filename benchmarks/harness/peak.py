"""Peak performance of this processor: operations per second of a large matrix product."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

SIDE = 2048
PRODUCTS = 4
"""Products in a row, so that reading input and writing output hardly counts."""
LEVELS = 256
REQUESTS = os.cpu_count() or 1


def measure_peak(precision: str, repeats: int) -> float:
    """Operations per second in `f32`, `bf16` or `int8`, of the best repeat; 2 per multiply-add.

    OpenVINO multiplies square matrices with constant ones, one request on each core, as its engines
    do. If the processor does not support a precision, OpenVINO replaces it with another.
    """
    compiled = ov.Core().compile_model(
        _products(quantised=precision == "int8"),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "NUM_STREAMS": REQUESTS,
            "ENABLE_CPU_PINNING": False,
        },
    )
    requests = [compiled.create_infer_request() for _ in range(REQUESTS)]
    matrix = _noise(1)
    operations = 2 * SIDE**3 * PRODUCTS * len(requests)
    _run(requests, matrix)
    return max(operations / _run(requests, matrix) for _ in range(repeats))


def _run(requests: list[Any], matrix: Any) -> float:
    """Seconds for one round of all requests."""
    start = time.perf_counter()
    for request in requests:
        request.start_async([matrix])
    for request in requests:
        request.wait()
    return time.perf_counter() - start


def _products(*, quantised: bool) -> ov.Model:
    image = op.parameter([SIDE, SIDE], np.float32)
    value: Any = image
    for number in range(PRODUCTS):
        # Scaled so that the values keep their size from product to product.
        other: Any = op.constant(_noise(number) / np.float32(np.sqrt(SIDE)))
        if quantised:
            value, other = _rounded(value, 4.0), _rounded(other, 4 / np.sqrt(SIDE))
        value = op.matmul(value, other, False, False)
    return ov.Model([value], [image])


def _rounded(value: Any, most: float) -> Any:
    """Quantised to int8, so that OpenVINO computes the product in integers."""
    low, high = np.float32(-most), np.float32(most * (LEVELS - 2) / LEVELS)
    return op.fake_quantize(value, low, high, low, high, LEVELS)


def _noise(seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((SIDE, SIDE), np.float32)
