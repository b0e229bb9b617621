"""Annotated datasets: a folder, or a dataset of a running service, one image at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ml.data.samples import MAX_PIXELS, annotated_samples, dataset_name
from roadmask.errors import InvalidRequest, ItemError, NotFound, RoadmaskError
from roadmask.images.decoding import decode
from roadmask.images.image_files import list_images
from roadmask.images.layouts import Sample, read_truth
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.masks.codec import decode_mask
from roadmask.schemas.images import Image
from roadmask.schemas.pixels import AS_STORED, Pixels

if TYPE_CHECKING:
    from roadmask.client.client import Client


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image and its truth, decoded."""

    name: str
    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    truth: NDArray[np.uint8]
    """Categories, uint8 (H, W)."""
    decode_s: float
    """Time of decoding the image, in seconds."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An annotated image that cannot be read, whose truth cannot, or that a network fails on."""

    name: str
    detail: str
    """Why."""

    @classmethod
    def by_failure(cls, name: str, error: Exception) -> LeftOut:
        """An image on which a network raised the error."""
        if isinstance(error, RoadmaskError):
            return cls(name, error.detail)
        return cls(name, f"The network raised {type(error).__name__}: {error}"[:500])


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

    def load(self) -> LoadedImage | LeftOut:
        """The image and its truth; or why this image has to be left out.

        Raises what concerns other images too, such as `ServiceUnreachable`.
        """
        try:
            data = self.read_image()
            began = time.perf_counter()
            image = decode(data, MAX_PIXELS, pixels=self.pixels)
            decode_s = time.perf_counter() - began
            truth = self.read_truth()
        except OSError as error:
            return LeftOut(self.name, f"The file cannot be read: {error.strerror or error}.")
        except (ItemError, InvalidRequest, NotFound) as error:
            return LeftOut(self.name, error.detail)
        if image.shape[:2] != truth.shape:
            return LeftOut(
                self.name,
                f"The image is {image.shape[1]}x{image.shape[0]} pixels, but its mask is "
                f"{truth.shape[1]}x{truth.shape[0]}. Annotate the image at its own size.",
            )
        return LoadedImage(self.name, image, truth, decode_s)


@dataclass(frozen=True, slots=True)
class AnnotatedDataset:
    """The annotated images of a dataset, in the order of their names. They can be loaded once."""

    name: str
    total: int
    images: Iterable[AnnotatedImage]
    left_out: list[LeftOut] = field(default_factory=list)
    """The images that could not be read or inferred so far, and folders that cannot be listed."""

    def load(self) -> Iterator[LoadedImage]:
        """The images that can be read. The others are noted in `left_out`.

        Raises `InvalidRequest` if none can be read.
        """
        loaded = 0
        for each in self.images:
            match each.load():
                case LoadedImage() as image:
                    loaded += 1
                    yield image
                case LeftOut() as gap:
                    self.left_out.append(gap)
        if not loaded:
            such_as = "".join(f", such as {gap.name}: {gap.detail}" for gap in self.left_out[:1])
            raise InvalidRequest(
                f"None of the {self.total} annotated images of {self.name} can be read"
                f"{such_as or '.'}"
            )

    def load_all(self) -> Iterator[LoadedImage]:
        """The images. Raises `InvalidRequest` at the first that cannot be read, because what is
        published is measured on the whole dataset.
        """
        for gap in self.left_out:
            raise InvalidRequest(f"{gap.name} of {self.name}: {gap.detail}")
        for each in self.images:
            match each.load():
                case LoadedImage() as image:
                    yield image
                case LeftOut() as gap:
                    raise InvalidRequest(f"{gap.name} of {self.name}: {gap.detail}")


def from_folder(folder: Path, reading: Reading = AS_FOUND) -> AnnotatedDataset:
    """The annotated images of a folder in any layout. Raises `InvalidRequest` if there are none."""
    found = from_samples(annotated_samples(folder, reading), dataset_name(folder))
    found.left_out.extend(
        LeftOut(f"{place}/", f"The folder cannot be listed: {cause}.")
        for place, cause in list_images(folder).unreadable.items()
    )
    return found


def from_samples(samples: Sequence[Sample], name: str) -> AnnotatedDataset:
    """The images of annotated samples, in their order."""
    images = (
        AnnotatedImage(
            sample.name, sample.image.read_bytes, partial(read_truth, sample), sample.pixels
        )
        for sample in samples
    )
    return AnnotatedDataset(name, len(samples), images)


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
