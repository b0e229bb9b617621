"""Stored records: JSON that another version may have written, and that a disk may have damaged.

Readers ignore unknown fields, and give missing fields their defaults. So this version can read a
record of any other version that has the required fields.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError

from roadmask.errors import RecordUnreadable
from storage.objects.store import ObjectStore

T = TypeVar("T")


def _encodable(text: str) -> str:
    text.encode()  # JSON may escape half a surrogate pair, which no database takes.
    return text


EncodableText = Annotated[str, AfterValidator(_encodable)]
"""A text that can be written as UTF-8."""

FORMAT = 1
"""`record_format` of new records. It grows when an older version would misread a record."""


def read_record(store: ObjectStore, key: str, kind: TypeAdapter[T]) -> T:
    """Read a record. Raises `ObjectNotFound`, `StoreUnavailable` and `RecordUnreadable`."""
    return parse_record(key, store.get(key), kind)


def parse_record(key: str, data: bytes, kind: TypeAdapter[T]) -> T:
    """Parse a record of this kind. Raises `RecordUnreadable`, which names the key."""
    return check_fields(key, parse_fields(key, data), kind)


def parse_fields(key: str, data: bytes) -> dict[str, Any]:
    """Parse a record into its fields. Raises `RecordUnreadable`."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordUnreadable(f"{key} cannot be read: it is no JSON ({error}).") from None
    if not isinstance(fields, dict):
        raise RecordUnreadable(f"{key} cannot be read: it is no JSON object.")
    return fields


def check_fields(key: str, fields: dict[str, Any], kind: TypeAdapter[T]) -> T:
    """Return the record of this kind with these fields. Raises `RecordUnreadable`."""
    try:
        return kind.validate_python(fields, extra="ignore")
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        version = fields.get("record_format", FORMAT)
        newer = f" It has format {version}, and this version reads {FORMAT}."
        raise RecordUnreadable(
            f"{key} cannot be read: {where}: {fault['msg']}.{newer if version != FORMAT else ''}"
        ) from None
