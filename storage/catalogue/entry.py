"""Entries of the catalogue in the object store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from pydantic import TypeAdapter

from roadmask.errors import InvalidRequest, RecordUnreadable
from roadmask.schemas.images import Image
from roadmask.schemas.media_types import JSON
from storage.objects.keys import catalogue_key
from storage.objects.store import ObjectStore
from storage.stored_record import FORMAT, read_record

_IMAGE = TypeAdapter(Image)


def read_entry(store: ObjectStore, key: str) -> Image:
    """Read the entry with this key. Raises `ObjectNotFound` and `RecordUnreadable`."""
    image = read_record(store, key, _IMAGE)
    try:
        image.model_dump_json()
    except ValueError as error:
        # JSON may escape a lone surrogate, which the index cannot encode.
        raise RecordUnreadable(f"{key} cannot be read: {error}.") from None
    if catalogue_key(image.id) != key:
        raise RecordUnreadable(f"{key} cannot be read: it is the entry of {image.id}.")
    return image


def write_entry(store: ObjectStore, image: Image) -> None:
    """Write an entry."""
    fields = image.model_dump(mode="json", exclude_none=True) | {"record_format": FORMAT}
    store.put(catalogue_key(image.id), json.dumps(fields).encode(), JSON)


def check_unique(image_ids: Sequence[str]) -> None:
    """Raise `InvalidRequest` for a repeated id."""
    if twice := [image_id for image_id, count in Counter(image_ids).items() if count > 1]:
        raise InvalidRequest(f"{twice[0]} comes twice in this request. Send each name once.")


def content_of(image: Image) -> tuple[object, ...]:
    """The members of an entry that count when it is compared with the stored entry."""
    return image.sha256, image.truth_sha256, image.filename, image.pixels
