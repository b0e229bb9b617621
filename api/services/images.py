"""Storing received files: checked by their header, stored under their hash, catalogued."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.bodies.form_files import each_alone
from api.bodies.uploads import Upload, UploadWriter
from roadmask.errors import (
    HashMismatch,
    ImageUnreadable,
    InvalidRequest,
    ItemError,
    ObjectNotFound,
    RoadmaskError,
    StoreUnavailable,
)
from roadmask.hashing import sha256_of_blocks
from roadmask.images.labels.label_sets import label_set
from roadmask.images.sniffing import CONTENT_TYPES, sniff
from roadmask.limited_process import LimitedProcess
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.ids import MAX_ID, uploaded_id
from roadmask.schemas.images import Image
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.shown import shown
from storage.access.caller import Caller
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.uploaded_image import UploadedImage
from storage.objects.keys import image_key, truth_key
from storage.objects.store import BLOCK, ObjectStore

log = logging.getLogger(__name__)

OLD_S = 3600
"""Age of an object that is stored again when it is uploaded again, seconds: less than the age of
what `roadmask store gc` deletes."""


class ImageService:
    """Stores images and annotated masks, and catalogues images."""

    def __init__(
        self, store: ObjectStore, catalogue: Catalogue, drawing: LimitedProcess, max_pixels: int
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._drawing = drawing
        self._max_pixels = max_pixels

    def add(self, upload: Upload, caller: Caller) -> tuple[Image, bool]:
        """Store an image of a caller. Return it, and whether it is new.

        Raises `UploadTooLarge`, `QuotaExceeded` and the errors of `sniff`.
        """
        stored, is_new = self._store_image(upload, caller)
        [image] = self._add_to_catalogue([stored], caller)
        return image, is_new

    def add_all(self, uploads: Sequence[Upload], caller: Caller) -> list[Image | RoadmaskError]:
        """Store images of a caller: each image, or the error with which it is refused."""
        outcomes = each_alone(lambda upload: self._store_image(upload, caller)[0], uploads)
        stored = [outcome for outcome in outcomes if isinstance(outcome, UploadedImage)]
        images = iter(self._add_to_catalogue(stored, caller))
        return [next(images) if isinstance(each, UploadedImage) else each for each in outcomes]

    def add_unchecked(self, upload: Upload, caller: Caller) -> str:
        """Store a file as an image of a job, whatever it holds. Return its id.

        A file that is no image becomes an item that fails alone, with the worker's error. Raises
        `UploadTooLarge` and `QuotaExceeded`.
        """
        try:
            self.add(upload, caller)
        except ItemError:
            self._catalogue.seen_by(caller).own_upload("images", upload.sha256, upload.size)
            self._put(upload, image_key(upload.sha256), OCTET_STREAM)
        return uploaded_id(upload.sha256)

    def add_truth(self, upload: Upload, caller: Caller) -> bool:
        """Store an annotated mask. Return whether it is new. Raises `InvalidRequest`."""
        self._check_truth(upload)
        [highest] = self._drawing.call("highest_index", _blocks(upload.path))
        if highest >= len(CITYSCAPES):
            raise InvalidRequest(
                f"The mask has index {highest}, but the highest index of {CITYSCAPES.name} is "
                f"{len(CITYSCAPES) - 1}. Map its labels to categories first."
            )
        self._catalogue.seen_by(caller).own_upload("truths", upload.sha256, upload.size)
        return self._put(upload, truth_key(upload.sha256), "image/png")

    def add_labelled_truth(
        self, upload: Upload, labels: str, void_unknown: bool, caller: Caller
    ) -> tuple[Upload, bool]:
        """Store the categories of a mask of a label set. Return what is stored, and if it is new.

        Raises `InvalidRequest` for another label set, and for labels that it does not have.
        """
        label_set(labels)
        self._check_truth(upload)
        png = self._drawing.call(
            "categories", _blocks(upload.path), labels=labels, void_unknown=void_unknown
        )
        writer = UploadWriter(upload.path.with_name("categories"), upload.limit)
        writer.write(png)
        mapped = writer.finish()
        return mapped, self.add_truth(mapped, caller)

    def _check_truth(self, upload: Upload) -> None:
        try:
            sniff(upload.path, self._max_pixels)
        except ImageUnreadable as error:
            raise InvalidRequest(f"The mask cannot be read. {error.detail}") from error

    def _store_image(self, upload: Upload, caller: Caller) -> tuple[UploadedImage, bool]:
        upload.check_complete()
        facts = sniff(upload.path, self._max_pixels)
        filename = shown(upload.filename)[-MAX_ID:] if upload.filename else None
        catalogue = self._catalogue.seen_by(caller)
        catalogue.own_upload("images", upload.sha256, upload.size, filename)
        is_new = self._put(upload, image_key(upload.sha256), CONTENT_TYPES[facts.format])
        return UploadedImage(upload.sha256, facts, upload.size, filename), is_new

    def _add_to_catalogue(self, uploads: Sequence[UploadedImage], caller: Caller) -> list[Image]:
        images = self._catalogue.seen_by(caller).add_uploads(uploads)
        if not all(self._store.exists(image_key(upload.sha256)) for upload in uploads):
            # An erasure that did not see the entry deleted them meanwhile.
            raise StoreUnavailable("These bytes were just erased. Upload them again.")
        return images

    def _put(self, upload: Upload, key: str, content_type: str) -> bool:
        """Store the file, also in place of damaged bytes or of a wrong type.

        Return whether the key is new.
        """
        try:
            found = self._store.info(key)
        except ObjectNotFound:
            found = None
        is_whole = (
            found is not None
            and (found.size, found.content_type) == (upload.size, content_type)
            and sha256_of_blocks(self._store.stream(key)) == upload.sha256
        )
        # A garbage collector spares what was stored lately, so an old object is stored again.
        if not is_whole or self._is_old(key):
            self._store.put_file(key, upload.path, content_type, handed_over=True)
        if found is not None and not is_whole:
            log.warning("%s was damaged, and is replaced by an upload", key)
        return found is None

    def _is_old(self, key: str) -> bool:
        return self._store.info(key).modified < datetime.now(UTC) - timedelta(seconds=OLD_S)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def check_hash(upload: Upload, sha256: str) -> None:
    """Raise `HashMismatch` unless the received bytes have this sha256."""
    if upload.sha256 != sha256:
        raise HashMismatch(
            f"The received bytes have the sha256 {upload.sha256}. Either the file changed during "
            "the upload, or the address has the hash of another file.",
            received=upload.sha256,
        )
