"""Annotated datasets: a folder, or a dataset of a running service, one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ml.data.samples import MAX_PIXELS, annotated_samples, dataset_name
from roadmask.errors import InvalidRequest, ItemError
from roadmask.images.decoding import decode
from roadmask.images.layouts import Sample, read_truth
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.masks.codec import decode_mask
from roadmask.schemas.images import Image
from roadmask.schemas.pixels import AS_STORED, Pixels

if TYPE_CHECKING:
    from roadmask.client.client import Client


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image and its truth, both read on demand."""

    name: str
    read_image: Callable[[], bytes]
    """The bytes of the image file."""
    read_truth: Callable[[], NDArray[np.uint8]]
    """Categories, uint8 (H, W)."""
    pixels: Pixels = AS_STORED
    """What the samples of the image mean."""

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """The bytes of `read_image` as RGB, uint8 (H, W, 3).

        Raises the errors of `decode` with the image's name.
        """
        try:
            return decode(data, MAX_PIXELS, pixels=self.pixels)
        except ItemError as error:
            raise type(error)(f"{self.name}: {error.detail}") from error

    def truth_for(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The truth. Raises `InvalidRequest` if its size is not that of the image (H, W, 3)."""
        truth = self.read_truth()
        if image.shape[:2] != truth.shape:
            raise InvalidRequest(
                f"{self.name} is {image.shape[1]}x{image.shape[0]} pixels, but its mask is "
                f"{truth.shape[1]}x{truth.shape[0]}. Annotate the image at its own size."
            )
        return truth


@dataclass(frozen=True, slots=True)
class AnnotatedDataset:
    """The annotated images of a dataset, in the order of their names. `images` can be iterated
    once.
    """

    name: str
    total: int
    images: Iterable[AnnotatedImage]


def from_folder(folder: Path, reading: Reading = AS_FOUND) -> AnnotatedDataset:
    """The annotated images of a folder in any layout. Raises `InvalidRequest` if there are none."""
    samples = annotated_samples(folder, reading)
    return AnnotatedDataset(dataset_name(folder), len(samples), from_samples(samples))


def from_samples(samples: Iterable[Sample]) -> Iterator[AnnotatedImage]:
    """The images of annotated samples, in their order."""
    for sample in samples:
        yield AnnotatedImage(
            sample.name, sample.image.read_bytes, partial(read_truth, sample), sample.pixels
        )


def from_service(client: Client, dataset: str, pixels: Pixels = AS_STORED) -> AnnotatedDataset:
    """The annotated images of a catalogued dataset, fetched one by one.

    Their samples mean what the dataset says, unless `pixels` says something. Raises
    `InvalidRequest` if the service does not have the dataset or it has no truths.
    """
    annotated = {each.name: each.with_truth for each in client.datasets()}
    if not annotated.get(dataset):
        others = ", ".join(name for name, count in sorted(annotated.items()) if count) or "none"
        raise InvalidRequest(
            f"{dataset!r} is neither a folder here nor a dataset with annotated masks at "
            f"{client.base_url}. Annotated there: {others}."
        )
    listed = client.images(dataset=dataset, truth=True)
    images = (_fetched(client, image, pixels) for image in listed)
    return AnnotatedDataset(dataset, annotated[dataset], images)


def _fetched(client: Client, image: Image, pixels: Pixels) -> AnnotatedImage:
    """An image of the service.

    Its signed links are requested when they are used, because those of a whole list would expire.
    """

    def fetch(link: Literal["content_url", "truth_url"]) -> bytes:
        url: str | None = getattr(client.image(image.id), link)
        if url is None:
            raise InvalidRequest(f"{image.id} lost its annotated mask while the dataset was read.")
        return client.fetch(url)

    said = image.pixels if pixels == AS_STORED else pixels
    return AnnotatedImage(
        image.id,
        lambda: fetch("content_url"),
        lambda: decode_mask(fetch("truth_url")),
        said or AS_STORED,
    )
