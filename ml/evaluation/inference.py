"""Inference over annotated images: an image on which it fails is left out alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from ml.data.annotated import LeftOut, LoadedImage
from ml.engines.engine import BATCH

T = TypeVar("T")

Infer = Callable[[Sequence[LoadedImage]], Sequence[T]]
"""What a network makes of each image of a batch."""


def infer_images(
    images: Iterable[LoadedImage], infer: Infer[T], left_out: list[LeftOut] | None
) -> Iterator[tuple[LoadedImage, T]]:
    """The images in batches, each with what `infer` makes of it.

    A batch that fails is inferred again image by image, and images that fail alone are noted in
    `left_out`. Raises the error of a failure if it is None, or if every image of the first batch
    fails: then the network is at fault.
    """
    rest, is_first = iter(images), True
    while batch := list(islice(rest, BATCH)):
        try:
            pairs = list(zip(batch, infer(batch), strict=True))
        except Exception:
            if left_out is None:
                raise
            pairs, failed = [], list[LeftOut]()
            for each in batch:
                try:
                    (made,) = infer([each])
                    pairs.append((each, made))
                except Exception as error:
                    failed.append(LeftOut.by_failure(each.name, error))
            if is_first and not pairs:
                raise
            left_out += failed
        is_first = False
        yield from pairs
