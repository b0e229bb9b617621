"""Putting a folder of images, with their annotated masks, into a dataset of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from roadmask.client import Client
from roadmask.errors import ImageUnreadable, InvalidId, RoadmaskError
from roadmask.folders import Sample, find_samples, read_truth
from roadmask.image_calls import digest
from roadmask.images import CatalogueEntry, check_dataset_name, check_image_id
from roadmask.masks import encode_mask
from roadmask.transport import STOPPERS

LOT = 128
"""Images registered at once."""
THREADS = 4


@dataclass(slots=True)
class Ingested:
    """One image on its way into a dataset."""

    sample: Sample
    name: str
    """Its name in the dataset: the sample's, with what ids cannot hold replaced."""
    sha256: str = ""
    truth: bytes | None = None
    """The annotated mask as canonical PNG, until it is registered."""
    has_truth: bool = False
    sent: bool = False
    """Its bytes had to travel."""
    error: RoadmaskError | None = None


def ingest(client: Client, folder: Path, dataset: str) -> tuple[int, Iterator[Ingested]]:
    """How many images the folder holds, and each as it is registered or refused.

    Bytes that the service has do not travel again, so a run that was interrupted is simply
    repeated. Raises `InvalidRequest` for a folder without images and `InvalidId` for a name that
    no dataset can have.
    """
    check_dataset_name(dataset)
    samples = find_samples(folder)
    return len(samples), _ingest(client, samples, dataset)


def _ingest(client: Client, samples: Sequence[Sample], dataset: str) -> Iterator[Ingested]:
    taken: set[str] = set()
    with closing(ThreadPool(THREADS)) as pool:
        for start in range(0, len(samples), LOT):
            lot = [_named(sample, dataset, taken) for sample in samples[start : start + LOT]]
            pool.map(_read, _good(lot))
            _upload(client, pool, lot)
            entries = [_entry(image) for image in _good(lot)]
            if entries:
                client.register(dataset, entries)
            for image in lot:
                image.truth = None
                yield image


def _good(lot: Sequence[Ingested]) -> list[Ingested]:
    return [image for image in lot if image.error is None]


def _named(sample: Sample, dataset: str, taken: set[str]) -> Ingested:
    image = Ingested(sample, id_name(sample.name))
    try:
        check_image_id(f"{dataset}/{image.name}")
    except InvalidId as error:
        image.error = error
    if image.name in taken:
        image.error = InvalidId(f"Another image of the folder is called {image.name} as well.")
    taken.add(image.name)
    return image


def id_name(name: str) -> str:
    """A sample's name with `_` for what image ids cannot hold: `IMG 1 (2)` to `IMG_1__2_`."""
    plain = re.sub(r"[^A-Za-z0-9._/-]|(?<=\.)\.", "_", name)
    return re.sub(r"(^|/)[.-]", r"\1_", plain)


def _read(image: Ingested) -> None:
    """Hash the image and read its annotated mask."""
    try:
        image.sha256 = digest(image.sample.image)
        if image.sample.truth is not None:
            image.truth = encode_mask(read_truth(image.sample))
            image.has_truth = True
    except RoadmaskError as error:
        image.error = error
    except OSError as error:
        image.error = ImageUnreadable(f"A file cannot be read: {error}.")


def _upload(client: Client, pool: ThreadPool, lot: Sequence[Ingested]) -> None:
    images = {image.sha256: image for image in _good(lot)}
    truths = {digest(image.truth): image for image in _good(lot) if image.truth is not None}
    absent = client.missing(list(images)) if images else set()
    absent_truths = client.missing(list(truths), "truths") if truths else set()

    def put(image: Ingested) -> None:
        try:
            client.put_image(image.sha256, image.sample.image)
            image.sent = True
        except STOPPERS:
            raise
        except RoadmaskError as error:
            image.error = error
        except OSError as error:
            image.error = ImageUnreadable(f"The file cannot be read: {error}.")

    def put_truth(image: Ingested) -> None:
        assert image.truth is not None
        try:
            client.put_truth(image.truth)
        except STOPPERS:
            raise
        except RoadmaskError as error:
            image.error = error

    pool.map(put, [images[sha256] for sha256 in absent])
    pool.map(put_truth, [truths[sha256] for sha256 in absent_truths])


def _entry(image: Ingested) -> CatalogueEntry:
    truth = digest(image.truth) if image.truth is not None else None
    return CatalogueEntry(name=image.name, sha256=image.sha256, truth_sha256=truth)
