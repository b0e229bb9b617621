"""Segmenter: a network in memory, images in and masks out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.fit import Fit
from ml.upsizing import soften, upsize
from roadmask.errors import InvalidRequest

BATCH_SIZES = (1, 2, 4, 8)
"""Batches are padded to one of these, so that few shapes ever reach the network."""


@dataclass(frozen=True, slots=True)
class View:
    """How an image is shown to the network."""

    scale: float = 1.0
    """Times the side lengths at which it is served."""
    mirror: bool = False
    """Left and right exchanged."""


PLAIN = View()
"""As images are served."""


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

    @property
    def fit(self) -> Fit:
        """To which size images are brought before the network sees them."""
        return self._fit

    @property
    def answers(self) -> NDArray[np.uint8]:
        """The categories of the planes that `logits` and `probabilities` give, uint8 (n,)."""
        return self._answers

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Masks uint8 (H, W) of RGB images uint8 (H, W, 3), each of its image's own size.

        Raises `InvalidRequest` when an image is not of that form.
        """
        return [
            upsize(planes, image.shape[0], image.shape[1], self._answers)
            for image, planes in zip(images, self.logits(images), strict=True)
        ]

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Probabilities float32 (n, H, W) of the n answers, each of its image's own size.

        They are the softmax of the bilinearly resized logits. Raises what `predict` raises.
        """
        found = []
        for image, planes in zip(images, self.logits(images), strict=True):
            height, width = image.shape[:2]
            whole = np.empty((len(planes), height, width), np.float32)
            for part, strip in soften(planes, height, width):
                whole[:, part] = strip
            found.append(whole)
        return found

    def logits(
        self, images: Sequence[NDArray[np.uint8]], view: View = PLAIN
    ) -> list[NDArray[np.float32]]:
        """Logits float32 (n, h, w) at the size of the network, which depends on image and view.

        Those of a mirrored view are turned back. Raises what `predict` raises.
        """
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        fit = self._fit.scaled(view.scale)
        for index, image in enumerate(images):
            groups[fit.size(*_checked(image).shape[:2])].append(index)
        found: dict[int, NDArray[np.float32]] = {}
        turn = slice(None, None, -1 if view.mirror else 1)
        for size, indices in groups.items():
            for start in range(0, len(indices), BATCH_SIZES[-1]):
                chunk = indices[start : start + BATCH_SIZES[-1]]
                logits = self._forward([images[index][:, turn] for index in chunk], size)
                found.update(zip(chunk, logits[..., turn], strict=True))
        return [found[index] for index in range(len(images))]

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
