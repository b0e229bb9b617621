"""Annotated images one at a time, from a folder or from a dataset of a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ml.data.samples import MAX_PIXELS, annotated_samples, dataset_name
from roadmask.errors import InvalidRequest
from roadmask.folders import Sample, read_truth
from roadmask.images import Dataset
from roadmask.masks import decode_mask
from roadmask.pixels import decode

if TYPE_CHECKING:
    from roadmask.client import Client


@dataclass(frozen=True, slots=True)
class Annotated:
    """An image and its truth, both still to be read."""

    name: str
    read_image: Callable[[], bytes]
    """The bytes of the image file."""
    read_truth: Callable[[], NDArray[np.uint8]]
    """Categories, uint8 (H, W)."""

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """What `read_image` gave as RGB, uint8 (H, W, 3). Raises what `roadmask.pixels` does."""
        return decode(data, MAX_PIXELS)

    def truth_for(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The truth. Raises `InvalidRequest` when it hasn't the size of the image (H, W, 3)."""
        truth = self.read_truth()
        if image.shape[:2] != truth.shape:
            raise InvalidRequest(
                f"{self.name} is {image.shape[1]}x{image.shape[0]} pixels, but its mask is "
                f"{truth.shape[1]}x{truth.shape[0]}. Annotate the image at its own size."
            )
        return truth


@dataclass(frozen=True, slots=True)
class Annotations:
    """A data set's annotated images in the order of their names; they can be gone through once."""

    name: str
    total: int
    images: Iterable[Annotated]


def from_folder(folder: Path) -> Annotations:
    """The annotated images of a folder in any layout. Raises `InvalidRequest` when it has none."""
    samples = annotated_samples(folder)
    return Annotations(dataset_name(folder), len(samples), from_samples(samples))


def from_samples(samples: Iterable[Sample]) -> Iterator[Annotated]:
    """The images of annotated samples, in their order."""
    for sample in samples:
        yield Annotated(sample.name, sample.image.read_bytes, partial(read_truth, sample))


def from_service(client: Client, dataset: str) -> Annotations:
    """The annotated images of a catalogued dataset, fetched one by one.

    Raises `InvalidRequest` when the service has no such dataset or no truth in it.
    """
    known = [Dataset.model_validate(each) for each in client.get("/v1/datasets")]
    annotated = {each.name: each.with_truth for each in known}
    if not annotated.get(dataset):
        others = ", ".join(name for name, count in sorted(annotated.items()) if count) or "none"
        raise InvalidRequest(
            f"{dataset!r} is neither a folder here nor a dataset with annotated masks at "
            f"{client.base_url}. Annotated there: {others}."
        )
    listed = client.images(dataset=dataset, truth=True)
    images = (_fetched(client, image.id) for image in listed)
    return Annotations(dataset, annotated[dataset], images)


def _fetched(client: Client, image_id: str) -> Annotated:
    """An image of the service. Its signed links are asked for when they are used: in a list they
    would run out before their turn came."""

    def fetch(link: Literal["content_url", "truth_url"]) -> bytes:
        url: str | None = getattr(client.image(image_id), link)
        if url is None:
            raise InvalidRequest(f"{image_id} lost its annotated mask while the dataset was read.")
        return client.fetch(url)

    return Annotated(
        image_id, lambda: fetch("content_url"), lambda: decode_mask(fetch("truth_url"))
    )
