"""Segmenter: a network in memory, images in and masks out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.fit import Fit
from ml.upsizing import upsize
from roadmask.errors import InvalidRequest

BATCH_SIZES = (1, 2, 4, 8)
"""Batches are padded to one of these, so that few shapes ever reach the network."""


class Segmenter:
    """Runs `model` on images of any size; a mask does not depend on what else was in its batch.

    `answers` are the categories it may answer with. Use it from one thread at a time.
    """

    def __init__(self, model: Any, fit: Fit, answers: Sequence[int]) -> None:
        self._model = model
        self._fit = fit
        self._answers = np.array(answers, np.uint8)
        # One trace for all shapes: the signature leaves batch, height and width open.
        signature = [tf.TensorSpec((None, None, None, 3), tf.uint8)]
        self._run = tf.function(self._logits, input_signature=signature, autograph=False)

    def warm(self) -> None:
        """Trace the network and let its kernels be made, for every batch size."""
        height, width = self._fit.size(1024, 2048)
        for size in BATCH_SIZES:
            self._run(np.zeros((size, height, width, 3), np.uint8))

    @property
    def traces(self) -> int:
        """How often the network was traced so far; it should stay at one."""
        return int(self._run.experimental_get_tracing_count())

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Masks uint8 (H, W) of RGB images uint8 (H, W, 3), each of its image's own size.

        Raises `InvalidRequest` when an image is not of that form.
        """
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            groups[self._fit.size(*_checked(image).shape[:2])].append(index)
        masks: dict[int, NDArray[np.uint8]] = {}
        for size, indices in groups.items():
            for start in range(0, len(indices), BATCH_SIZES[-1]):
                chunk = indices[start : start + BATCH_SIZES[-1]]
                logits = self._forward([images[index] for index in chunk], size)
                for index, planes in zip(chunk, logits, strict=True):
                    height, width = images[index].shape[:2]
                    masks[index] = upsize(planes, height, width, self._answers)
        return [masks[index] for index in range(len(images))]

    def _forward(
        self, images: Sequence[NDArray[np.uint8]], size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Logits float32 (B, n, h, w) of at most a full batch of images, brought to `size`."""
        padded = next(n for n in BATCH_SIZES if n >= len(images))
        batch = np.zeros((padded, *size, 3), np.uint8)
        for slot, image in zip(batch, images, strict=False):
            slot[...] = _resize(image, size)
        logits: NDArray[np.float32] = self._run(batch).numpy()
        return logits[: len(images)]

    def _logits(self, batch: Any) -> Any:
        logits = tf.gather(self._model(batch, training=False), self._answers.tolist(), axis=-1)
        return tf.transpose(logits, (0, 3, 1, 2))


def _resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=method)
    return resized


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidRequest(
            f"An image must be uint8 of shape (H, W, 3), but this one is {image.dtype} of shape "
            f"{image.shape}. Decode it to 8-bit RGB first."
        )
    return image
