"""OpenVINO: compiled networks for processors without a GPU."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ml.engines.engine import BATCH
from roadmask.machine import cores, memory_bytes, trim_heap

STREAM_BYTES = 2**29
"""Memory for each stream: with its two images and their masks it takes some 160 MB, with photos of
many megapixels more."""
SIZES = 8
"""Most input sizes whose kernels are kept. Each holds its own copy of the weights."""
SIZE_BYTES, OTHER_BYTES = 6 * 2**25, 3 * 2**27
"""Memory for the kernels and layers of each size, of lone and of other images, and for all else of
a worker or small service."""
TRIM_S = 1.0
"""Seconds without an image after which freed memory goes back to the system."""


class Compiled:
    """A network compiled for one size, and its inference requests."""

    def __init__(self, model: ov.CompiledModel) -> None:
        self._model = model
        self._shape = tuple(model.output().shape)
        self._idle: deque[ov.InferRequest] = deque()
        """Requests are kept, because making one beside running ones waits for a stream."""
        self._lock = threading.Lock()
        self._running = 0
        """Images that are computed, or will be."""
        self._rests_since: float | None = None
        """When the last of them ended, monotonic seconds; None: it holds no memory for layers."""
        self._trimmed = True
        """Whether what they have freed went back to the system."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps its memory until the `with` block ends; all its requests are complete by then."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._rests_since = time.monotonic()
                self._trimmed = False

    def begin(self, image: NDArray[np.uint8]) -> tuple[ov.InferRequest, NDArray[np.float32]]:
        """The running request for the image, uint8 (1, H, W, 3), and the logits that it fills."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        # Not in memory of the request, which would keep it, and the logits would have to be copied.
        logits = np.empty(self._shape, np.float32)
        request.set_output_tensor(ov.Tensor(logits, shared_memory=True))
        request.start_async([image])
        return request, logits[0]

    def end(self, requests: Sequence[ov.InferRequest]) -> None:
        """Keep requests that are complete."""
        self._idle.extend(requests)

    def release_memory(self, rest_s: float) -> bool:
        """Free the memory for layers if it has not been used for so long.

        The next image takes it again, which costs some 20 ms. Returns whether the heap should be
        trimmed, which costs the next image less: the logits of the last images were freed, too.
        """
        with self._lock:
            if self._running or self._rests_since is None:
                return False
            rested_s = time.monotonic() - self._rests_since
            if rested_s >= rest_s:
                self._model.release_memory()
                self._rests_since = None
            elif self._trimmed or rested_s < TRIM_S:
                return False
            self._trimmed = True
            return True


class OpenVINOEngine:
    """Runs a compiled network in `precision` (`f32` or `bf16`). Quantised layers run in int8.

    Each image is a request of its own, and as many requests run in parallel as there are cores, as
    far as the memory allows (`BATCH` at most). So an image does not depend on its neighbours, and
    no core waits for another at the end of each layer. It makes no difference if the images come as
    a batch or from as many threads. Only a lone image, which comes while no other is computed, is
    shared by these cores: it ends sooner, and its logits are the same.

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
        # No more images than the streams take: the logits of each are many megabytes.
        self.warm_batches = (1, min(BATCH, self.max_concurrency))
        self._options = {
            "INFERENCE_PRECISION_HINT": precision,
            # OpenVINO counts the cores of the machine, whatever the quota of a container is.
            "INFERENCE_NUM_THREADS": cores(),
            # Workers that share a machine would all be pinned to its first cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._streams = streams
        self._sizes = sizes
        self._compiled: OrderedDict[tuple[int, int], dict[bool, Compiled]] = OrderedDict()
        """By size, the last used at the end: the networks for lone images and for others."""
        self._compiling = threading.Lock()
        """Guards `_compiled`."""
        self._running = 0
        """Images that are computed, of all sizes."""
        self._counting = threading.Lock()
        """Guards `_running`."""

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """See `Engine`."""
        with self._counted(len(batch)) as is_lone:
            yield from self._logits(batch, is_lone)

    @contextmanager
    def _counted(self, images: int) -> Iterator[bool]:
        """Count running images until the `with` block ends; whether they are a lone one, for which
        there is more than one core."""
        with self._counting:
            is_lone = images == 1 and self._running == 0 and self._streams > 1
            self._running += images
        try:
            yield is_lone
        finally:
            with self._counting:
                self._running -= images

    def _logits(self, batch: NDArray[np.uint8], is_lone: bool) -> Iterator[NDArray[np.float32]]:
        _, height, width, _ = batch.shape
        compiled = self._compiled_for(height, width, is_lone)
        with compiled.in_use():
            begun = [compiled.begin(image[None]) for image in batch]
            try:
                for request, logits in begun:
                    request.wait()
                    yield logits
            finally:
                for request, _ in begun:
                    request.wait()
                compiled.end([request for request, _ in begun])

    def release_memory(self, rest_s: float) -> None:
        """See `Engine`."""
        with self._compiling:
            kept = [each for networks in self._compiled.values() for each in networks.values()]
        trims = [compiled.release_memory(rest_s) for compiled in kept]
        if any(trims):
            trim_heap()

    def _compiled_for(self, height: int, width: int, is_lone: bool) -> Compiled:
        with self._compiling:
            if (height, width) not in self._compiled:
                while len(self._compiled) >= self._sizes:
                    self._compiled.popitem(last=False)
                self._compiled[height, width] = {}
            self._compiled.move_to_end((height, width))
            networks = self._compiled[height, width]
            if is_lone not in networks:
                networks[is_lone] = self._compile(height, width, 1 if is_lone else self._streams)
            return networks[is_lone]

    def _compile(self, height: int, width: int, streams: int) -> Compiled:
        network = self._network.clone()
        network.reshape([1, height, width, 3])
        options = self._options | {"NUM_STREAMS": streams}
        return Compiled(self._core.compile_model(network, "CPU", options))
