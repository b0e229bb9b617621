"""Segmenter: a network in memory, images in and masks out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.engines.engine import BATCH, Engine
from ml.fit import Fit
from ml.upsizing import soften, upsize
from roadmask.errors import InvalidRequest

Size = tuple[int, int]
"""Height and width."""


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
    """Runs an engine on images of any size; a mask does not depend on what else was in its batch.

    Use it from as many threads at once as it has `callers`.
    """

    def __init__(self, engine: Engine, fit: Fit) -> None:
        self._engine = engine
        self._fit = fit

    @property
    def callers(self) -> int:
        """How many threads may use it at once: where it is more than one, so many with an image
        each keep all cores busy, and none waits for a batch to be full or at its end."""
        return self._engine.callers

    def warm(self) -> None:
        """Let the engine make its kernels, at the size of a wide street image."""
        self._engine.warm(*self._fit.size(1024, 2048))

    @property
    def fit(self) -> Fit:
        """To which size images are brought before the network sees them."""
        return self._fit

    @property
    def answers(self) -> NDArray[np.uint8]:
        """The categories of the planes that `logits` and `probabilities` give, uint8 (n,)."""
        return self._engine.answers

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) at which the network sees an image of that height and width."""
        return self._fit.size(height, width)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[NDArray[np.uint8]]:
        """Masks uint8 (H, W) of RGB images uint8 (H, W, 3), each of its image's own size.

        That is in `sizes` where images were made smaller, though not below their `input_size`.
        Raises `InvalidRequest` when an image is not of that form.
        """
        masks: dict[int, NDArray[np.uint8]] = {}
        sizes = sizes or _sizes(images)
        # As they come: an engine computes on while a mask is made large.
        for index, planes in self._run(images, sizes, PLAIN):
            masks[index] = upsize(planes, *sizes[index], self.answers)
        return [masks[index] for index in range(len(images))]

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

    def predict_with_confidence(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """The masks of `predict`, each with the probability of its answers, float32 (H, W).

        Raises what `predict` raises.
        """
        found = []
        sizes = sizes or _sizes(images)
        logits = dict(self._run(images, sizes, PLAIN))
        for index, (height, width) in enumerate(sizes):
            planes = logits[index]
            confidence = np.empty((height, width), np.float32)
            for part, strip in soften(planes, height, width):
                strip.max(axis=0, out=confidence[part])
            found.append((upsize(planes, height, width, self.answers), confidence))
        return found

    def logits(
        self, images: Sequence[NDArray[np.uint8]], view: View = PLAIN
    ) -> list[NDArray[np.float32]]:
        """Logits float32 (n, h, w) at the size of the network, which depends on image and view.

        Those of a mirrored view are turned back. Raises what `predict` raises.
        """
        found = dict(self._run(images, _sizes(images), view))
        return [found[index] for index in range(len(images))]

    def _run(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size], view: View
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The index of each image and its logits, in the order in which the engine has them."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        fit = self._fit.scaled(view.scale)
        for index, (height, width) in enumerate(sizes):
            groups[fit.size(height, width)].append(index)
        turn = slice(None, None, -1 if view.mirror else 1)
        for size, indices in groups.items():
            for start in range(0, len(indices), BATCH):
                chunk = indices[start : start + BATCH]
                batch = np.empty((len(chunk), *size, 3), np.uint8)
                for slot, index in zip(batch, chunk, strict=True):
                    slot[...] = resize(images[index][:, turn], size)
                for index, logits in zip(chunk, self._engine.logits(batch), strict=True):
                    yield index, logits[..., turn]


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image as the network sees it: `size` is (height, width)."""
    height, width = size
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=method)
    return resized


def _sizes(images: Sequence[NDArray[np.uint8]]) -> list[Size]:
    return [_size(image) for image in images]


def _size(image: NDArray[np.uint8]) -> Size:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidRequest(
            f"An image must be uint8 of shape (H, W, 3), but this one is {image.dtype} of shape "
            f"{image.shape}. Decode it to 8-bit RGB first."
        )
    return image.shape[0], image.shape[1]
