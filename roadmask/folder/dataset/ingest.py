"""Ingest: a folder of images, with their annotated masks, into a dataset of the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import ThreadPool

from roadmask.client.client import Client
from roadmask.client.image_sender import ImageSender
from roadmask.client.transport import SERVICE_ERRORS
from roadmask.errors import ImageUnreadable, InvalidId, InvalidRequest, ItemError, RoadmaskError
from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.hashing import sha256_of, sha256_of_file
from roadmask.images.layouts import Sample, read_truth
from roadmask.images.sniffing import sniff
from roadmask.masks.codec import encode_mask
from roadmask.schemas.ids import RESERVED, check_dataset_name, check_image_id
from roadmask.schemas.images import CatalogueEntry

BATCH = 128
"""Images that are registered in one request."""
CONCURRENCY = 4
"""Images that are read, and masks that are sent, in parallel."""


@dataclass(slots=True)
class Ingested:
    """One image on its way into a dataset."""

    sample: Sample
    name: str
    """Its name in the dataset."""
    sha256: str = ""
    truth: bytes | None = None
    """The annotated mask as canonical PNG, until it is registered."""
    has_truth: bool = False
    sent: bool = False
    """Whether its bytes were sent."""
    error: RoadmaskError | None = None


def ingest(client: Client, samples: Sequence[Sample], dataset: str) -> Iterator[Ingested]:
    """Register the images of a folder; yield each one once it is registered or refused.

    Bytes that the service has are not sent again, so an interrupted run can be repeated. Raises
    `InvalidId` for an invalid name of the dataset.
    """
    check_dataset_name(dataset)
    return _ingest(client, samples, dataset)


def _ingest(client: Client, samples: Sequence[Sample], dataset: str) -> Iterator[Ingested]:
    with closing(ThreadPool(CONCURRENCY)) as pool, closing(ImageSender(client)) as sender:
        for start in range(0, len(samples), BATCH):
            batch = [_named(sample, dataset) for sample in samples[start : start + BATCH]]
            pool.map(_read, _good(batch))
            _upload(client, sender, pool, batch)
            entries = [_entry(image) for image in _good(batch)]
            if entries:
                client.register(dataset, entries)
            for image in batch:
                image.truth = None
                yield image


def _good(batch: Sequence[Ingested]) -> list[Ingested]:
    return [image for image in batch if image.error is None]


def _named(sample: Sample, dataset: str) -> Ingested:
    is_reserved = sample.name.rpartition("/")[2] in RESERVED
    image = Ingested(sample, sample.filename if is_reserved else sample.name)
    try:
        check_image_id(f"{dataset}/{image.name}")
        # The filename is the name with its suffix, so it may be too long.
        check_image_id(sample.filename)
    except InvalidId as error:
        image.error = InvalidId(f"{error.detail} Rename the file.")
    return image


def _read(image: Ingested) -> None:
    """Hash the image, and encode its annotated mask as PNG."""
    try:
        image.sha256 = sha256_of_file(image.sample.image)
        if image.sample.truth is not None:
            mask = read_truth(image.sample)
            _check_size(image.sample, mask.shape[1], mask.shape[0])
            image.truth = encode_mask(mask)
            image.has_truth = True
    except RoadmaskError as error:
        image.error = error
    except OSError as error:
        image.error = ImageUnreadable(f"A file cannot be read: {error}.")


def _check_size(sample: Sample, width: int, height: int) -> None:
    """Raise `InvalidRequest` for a mask of another size: the service would refuse its batch."""
    try:
        facts = sniff(sample.image, MAX_PIXELS)
    except ItemError:
        # The service will refuse the image with the cause.
        return
    if (facts.width, facts.height) != (width, height):
        raise InvalidRequest(
            f"The mask {sample.truth} has {width}x{height} pixels, but its image has "
            f"{facts.width}x{facts.height} as shown. Both must be the same."
        )


def _upload(
    client: Client, sender: ImageSender, pool: ThreadPool, batch: Sequence[Ingested]
) -> None:
    """Send the bytes that the service lacks.

    If bytes are refused, all images with these bytes fail: the service would refuse a batch that
    contains one of them.
    """
    images: dict[str, list[Ingested]] = {}
    truths: dict[str, list[Ingested]] = {}
    for image in _good(batch):
        images.setdefault(image.sha256, []).append(image)
        if image.truth is not None:
            truths.setdefault(sha256_of(image.truth), []).append(image)
    missing = client.missing(list(images)) if images else set()
    missing_truths = client.missing(list(truths), "truths") if truths else set()

    _send(sender, {sha256: images[sha256] for sha256 in missing})
    pool.map(partial(_put_truth, client), [truths[sha256] for sha256 in missing_truths])


def _send(sender: ImageSender, images: dict[str, list[Ingested]]) -> None:
    """Send each image under one of its filenames after the other, until one is accepted."""
    while images:
        files = {sha256: copies[0].sample.image for sha256, copies in images.items()}
        for sha256, error in sender.send(files):
            first, *others = images.pop(sha256)
            first.sent, first.error = error is None, error
            if error is not None and others:
                images[sha256] = others


def _put_truth(client: Client, images: Sequence[Ingested]) -> None:
    """Send the annotated mask that these images share. If it is refused, all of them fail."""
    truth = images[0].truth
    assert truth is not None
    try:
        client.put_truth(truth)
    except SERVICE_ERRORS:
        raise
    except RoadmaskError as error:
        for image in images:
            image.error = error


def _entry(image: Ingested) -> CatalogueEntry:
    truth = sha256_of(image.truth) if image.truth is not None else None
    return CatalogueEntry(
        name=image.name,
        sha256=image.sha256,
        truth_sha256=truth,
        filename=image.sample.filename,
        pixels=image.sample.pixels.given() or None,
    )
