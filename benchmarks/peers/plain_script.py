"""A plain script: the limit of what a folder can be done in on a machine.

One process reads the files and decodes them in threads, OpenVINO's `AsyncInferQueue` runs the
network, and its callback makes the mask and writes the PNG. Decoding at the network's scale, engine
and encoding are those of Roadmask. Nothing is kept but the masks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ml.inference.predictor import Predictor
from ml.inference.segmenter import resize
from ml.inference.upsampling import upsample_mask
from roadmask.images.decoding import decode_sniffed
from roadmask.images.sniffing import sniff
from roadmask.masks.codec import encode_mask
from roadmask.settings import Settings

THREADS = os.cpu_count() or 1


class PlainScript:
    """A network compiled as Roadmask's engine does it, and a folder of masks."""

    def __init__(self, predictor: Predictor) -> None:
        choice = predictor.choice
        if choice.network is None:
            raise ValueError("The script runs OpenVINO only; there is none on this machine.")
        self._predictor = predictor
        self._precision = choice.precision
        self._core = ov.Core()
        self._network = self._core.read_model(choice.network)
        self._compiled: dict[tuple[int, int], ov.CompiledModel] = {}
        self._max_pixels = Settings().max_image_pixels

    def run(self, paths: Sequence[Path], out: Path) -> None:
        """Write a mask PNG of each image; all images have the size of the first."""
        out.mkdir(parents=True)
        facts = sniff(paths[0].read_bytes(), self._max_pixels)
        size = self._predictor.input_size(facts.height, facts.width)
        queue = ov.AsyncInferQueue(self._compile(size), 2 * THREADS)
        sizes = (facts.height, facts.width)

        def write(request: ov.InferRequest, path: Path) -> None:
            logits = request.get_output_tensor().data[0]
            mask = upsample_mask(logits, *sizes, self._predictor.answers)
            (out / f"{path.stem}.png").write_bytes(encode_mask(mask))

        queue.set_callback(write)
        with ThreadPoolExecutor(THREADS) as threads:
            for path, image in zip(
                paths, threads.map(lambda path: self._input(path, size), paths), strict=True
            ):
                queue.start_async([image[None]], path)
        queue.wait_all()

    def _input(self, path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
        data = path.read_bytes()
        facts = sniff(data, self._max_pixels)
        return resize(decode_sniffed(data, facts, self._max_pixels, size).pixels, size)

    def _compile(self, size: tuple[int, int]) -> ov.CompiledModel:
        if size not in self._compiled:
            network = self._network.clone()
            network.reshape([1, *size, 3])
            options = {
                "INFERENCE_PRECISION_HINT": self._precision,
                "NUM_STREAMS": THREADS,
                "ENABLE_CPU_PINNING": False,
            }
            self._compiled[size] = self._core.compile_model(network, "CPU", options)
        return self._compiled[size]
