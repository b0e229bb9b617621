"""Segmenter: a network in memory, images in and masks out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.engines.engine import BATCH, Engine
from ml.inference.upsampling import upsample_mask, upsample_probabilities
from ml.registry.input_size import InputSize
from roadmask.errors import InvalidRequest, ModelFailed

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class TtaView:
    """One view of test-time augmentation."""

    scale: float = 1.0
    """Factor on the side lengths of serving."""
    mirror: bool = False
    """True if left and right are exchanged."""


PLAIN = TtaView()
"""The view that serving uses."""


class Segmenter:
    """Runs an engine on images of any size. A mask does not depend on the other images of its
    batch.

    At most `max_concurrency` threads may use it at the same time.
    """

    def __init__(self, engine: Engine, input_size: InputSize) -> None:
        self._engine = engine
        self._input_size = input_size

    @property
    def max_concurrency(self) -> int:
        """Number of threads that may use it at the same time.

        If it is more than 1, as many threads with one image each keep all cores busy, and no image
        waits for a batch to fill or to end.
        """
        return self._engine.max_concurrency

    def warm(self) -> None:
        """Compile the engine's kernels for the size of a wide street image, and see that the
        network computes. Raises `ModelFailed` if its logits are not finite.
        """
        size = self._input_size.size(1024, 2048)
        for images in self._engine.warm_batches:
            for logits in self._engine.logits(np.zeros((images, *size, 3), np.uint8)):
                _check_finite(logits)

    def release_memory(self, rest_s: float) -> None:
        """See `Engine`."""
        self._engine.release_memory(rest_s)

    @property
    def answers(self) -> NDArray[np.uint8]:
        """The categories of the planes that `logits` and `probabilities` give, uint8 (n,)."""
        return self._engine.answers

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The network's (height, width) for an image of that height and width."""
        return self._input_size.size(height, width)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[NDArray[np.uint8]]:
        """Masks uint8 (H, W) of RGB images uint8 (H, W, 3), each at its image's own size.

        If images were decoded at a reduced size (not below `input_size`), `sizes` holds their own
        sizes. Raises `InvalidRequest` for an image of another dtype or shape, and `ModelFailed` if
        logits are not finite.
        """
        masks: dict[int, NDArray[np.uint8]] = {}
        sizes = sizes or _sizes(images)
        # As they come: an engine computes on while a mask is made large.
        for index, planes in self._run(images, sizes, PLAIN):
            masks[index] = upsample_mask(planes, *sizes[index], self.answers)
        return [masks[index] for index in range(len(images))]

    def predict_with_confidence(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """The masks of `predict`, each with the probability of its categories, float32 (H, W).

        Raises what `predict` raises.
        """
        found = []
        sizes = sizes or _sizes(images)
        logits = dict(self._run(images, sizes, PLAIN))
        for index, (height, width) in enumerate(sizes):
            planes = logits[index]
            confidence = np.empty((height, width), np.float32)
            for part, strip in upsample_probabilities(planes, height, width):
                strip.max(axis=0, out=confidence[part])
            found.append((upsample_mask(planes, height, width, self.answers), confidence))
        return found

    def logits(
        self,
        images: Sequence[NDArray[np.uint8]],
        view: TtaView = PLAIN,
        sizes: Sequence[Size] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Logits float32 (n, h, w) at the network's size, which depends on the image and the view.

        Logits of a mirrored view are mirrored back. Raises what `predict` raises.
        """
        found = dict(self._run(images, sizes or _sizes(images), view))
        return [found[index] for index in range(len(images))]

    def _run(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size], view: TtaView
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The index and the logits of each image, in the order of computation."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        input_size = self._input_size.scaled(view.scale)
        for index, (height, width) in enumerate(sizes):
            groups[input_size.size(height, width)].append(index)
        turn = slice(None, None, -1 if view.mirror else 1)
        for size, indices in groups.items():
            for start in range(0, len(indices), BATCH):
                chunk = indices[start : start + BATCH]
                batch = np.empty((len(chunk), *size, 3), np.uint8)
                for slot, index in zip(batch, chunk, strict=True):
                    slot[...] = resize(images[index][:, turn], size)
                for index, logits in zip(chunk, self._engine.logits(batch), strict=True):
                    _check_finite(logits)
                    yield index, logits[..., turn]


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image resized to `size`, (height, width): the network's input."""
    height, width = size
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=method)
    return resized


def _check_finite(logits: NDArray[np.float32]) -> None:
    # No category is the best of NaNs: the mask would be the first one everywhere, without a word.
    if not np.isfinite(logits).all():
        raise ModelFailed(
            "The model computes numbers that are not finite. Use another version, or engine."
        )


def _sizes(images: Sequence[NDArray[np.uint8]]) -> list[Size]:
    return [_size(image) for image in images]


def _size(image: NDArray[np.uint8]) -> Size:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidRequest(
            f"An image must be uint8 of shape (H, W, 3), but this one is {image.dtype} of shape "
            f"{image.shape}. Decode it to 8-bit RGB first."
        )
    return image.shape[0], image.shape[1]
