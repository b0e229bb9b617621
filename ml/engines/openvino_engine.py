"""OpenVINO: compiled networks for processors without a GPU."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ml.engines.engine import BATCH
from roadmask.machine import cores, memory_bytes

STREAM_BYTES = 2**29
"""Memory for each stream: with its two images and their masks it takes some 150 MB, with photos of
many megapixels more."""
SIZES = 8
"""Most input sizes whose kernels are kept. Each holds its own copy of the weights."""
SIZE_BYTES, OTHER_BYTES = 2**27, 3 * 2**27
"""Memory for the kernels of each size, and for all else of a worker or a small service."""


class Compiled:
    """A network compiled for one size, and its inference requests."""

    def __init__(self, model: ov.CompiledModel) -> None:
        self._model = model
        self.idle: deque[ov.InferRequest] = deque()
        """Requests are kept, because making one beside running ones waits for a stream."""

    def begin(self, image: NDArray[np.uint8]) -> ov.InferRequest:
        """The running request for the image, uint8 (1, H, W, 3)."""
        try:
            request = self.idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        request.start_async([image])
        return request


class OpenVINOEngine:
    """Runs a compiled network in `precision` (`f32` or `bf16`). Quantised layers run in int8.

    Each image is a request of its own, and as many requests run in parallel as there are cores, as
    far as the memory allows (`BATCH` at most). So an image does not depend on its neighbours, and
    no core waits for another at the end of each layer. It makes no difference if the images come as
    a batch or from as many threads.

    Kernels are compiled for one size at a time, because kernels for any size took a third longer.
    """

    def __init__(self, network: Path, precision: str, answers: Sequence[int]) -> None:
        self.answers = np.array(answers, np.uint8)
        self._core = ov.Core()
        self._network = self._core.read_model(network)
        memory = memory_bytes() or 2**63
        streams = min(BATCH, cores(), max(1, memory // STREAM_BYTES))
        sizes = max(1, min(SIZES, (memory - OTHER_BYTES) // SIZE_BYTES))
        # One image in each stream, and another that takes its place while that is made a mask.
        self.max_concurrency = 2 * streams
        self._options = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams,
            # Workers that share a machine would all be pinned to its first cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = lru_cache(maxsize=sizes)(self._compile)
        self._compiling = threading.Lock()

    def warm(self, height: int, width: int) -> None:
        """Compile the kernels for that size and run them once."""
        # No more requests than can run: each keeps its own output, many megabytes of memory.
        images = min(BATCH, self.max_concurrency)
        for _ in self.logits(np.zeros((images, height, width, 3), np.uint8)):
            pass

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """See `Engine`."""
        with self._compiling:
            compiled = self._compiled(*batch.shape[1:3])
        begun = [compiled.begin(image[None]) for image in batch]
        try:
            for request in begun:
                request.wait()
                # Another image will be computed into the same memory.
                yield request.get_output_tensor().data[0].copy()
        finally:
            for request in begun:
                request.wait()
            compiled.idle.extend(begun)

    def _compile(self, height: int, width: int) -> Compiled:
        network = self._network.clone()
        network.reshape([1, height, width, 3])
        return Compiled(self._core.compile_model(network, "CPU", self._options))
