"""What becomes of a received file: checked by its header, stored under its hash, catalogued."""

from __future__ import annotations

from api.backends import Backends
from api.uploads import Upload, check_size
from roadmask.categories import CITYSCAPES
from roadmask.errors import HashMismatch, InvalidRequest, ItemError
from roadmask.images import Image, uploaded_id
from roadmask.masks import decode_mask
from roadmask.pixels import CONTENT_TYPES, ImageFacts, sniff
from storage.objects import image_key, truth_key

UNREAD = "application/octet-stream"


def keep_image(backends: Backends, upload: Upload) -> tuple[Image, bool]:
    """Store an image; it and whether it is new.

    Raises what `sniff` raises, and `UploadTooLarge`.
    """
    check_size(upload, backends.settings.max_upload_bytes)
    facts = sniff(upload.path, backends.settings.max_image_pixels)
    return _catalogue(backends, upload, facts)


def keep_anyway(backends: Backends, upload: Upload) -> str:
    """Store a file as one of a job's images, whatever it holds, and return its id.

    A file that is no image becomes an item that fails alone, with the cause that the worker finds.
    Raises `UploadTooLarge`.
    """
    check_size(upload, backends.settings.max_upload_bytes)
    try:
        facts = sniff(upload.path, backends.settings.max_image_pixels)
    except ItemError:
        _store(backends, upload, image_key(upload.sha256), UNREAD)
    else:
        _catalogue(backends, upload, facts)
    return uploaded_id(upload.sha256)


def keep_truth(backends: Backends, upload: Upload) -> bool:
    """Store an annotated mask; whether it is new. Raises `InvalidRequest` for no mask."""
    sniff(upload.path, backends.settings.max_image_pixels)
    highest = int(decode_mask(upload.path.read_bytes()).max())
    if highest >= len(CITYSCAPES):
        raise InvalidRequest(
            f"The mask holds index {highest}, but {CITYSCAPES.name} ends at {len(CITYSCAPES) - 1}. "
            "Map its labels to categories first."
        )
    return _store(backends, upload, truth_key(upload.sha256), "image/png")


def check_hash(upload: Upload, sha256: str) -> None:
    """Raise `HashMismatch` unless the bytes are the announced ones."""
    if upload.sha256 != sha256:
        raise HashMismatch(
            f"The bytes that came have the sha256 {upload.sha256}. "
            "Either the file changed while it was sent, or the address is of another file.",
            received=upload.sha256,
        )


def _catalogue(backends: Backends, upload: Upload, facts: ImageFacts) -> tuple[Image, bool]:
    key = image_key(upload.sha256)
    is_new = _store(backends, upload, key, CONTENT_TYPES[facts.format])
    return backends.catalogue.add_upload(upload.sha256, facts, upload.size), is_new


def _store(backends: Backends, upload: Upload, key: str, content_type: str) -> bool:
    if backends.store.exists(key):
        return False
    backends.store.put_file(key, upload.path, content_type)
    return True
