"""An API key: its record, which holds the hash of the secret text."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter

from roadmask.hashing import sha256_of
from roadmask.schemas.ids import SHA256
from storage.stored_record import FORMAT, check_fields, parse_fields

KEY_ID = r"[0-9a-f]{12}"
"""The id of a key, as a pattern."""
KEY = re.compile(rf"rm_({KEY_ID})_[0-9a-f]{{64}}")
"""The text of a key. Its prefix and its length let secret scanners find it."""


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    """Upload, create, change and delete objects that the key owns."""
    READ = "read"
    """Read objects that the key owns, and shared ones."""
    ADMIN = "admin"
    """Do everything, also with objects of other keys."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The record of a key."""

    id: str
    name: str
    sha256: Annotated[str, StringConstraints(pattern=SHA256)]
    """SHA-256 of the key's text, hex. The text itself is not stored."""
    scopes: tuple[Scope, ...]
    created_ms: int
    expires_ms: int | None = None
    rate: int | None = None
    """Requests per minute."""
    quota_items: int | None = None
    """Images in jobs per day (UTC)."""
    quota_bytes: int | None = None
    """Bytes of uploads that the key may store."""
    revoked_ms: int | None = None

    def opens_with(self, text: str) -> bool:
        """Whether this is the text of the key. The comparison takes constant time."""
        return hmac.compare_digest(sha256_of(text.encode()), self.sha256)

    def is_expired(self) -> bool:
        """Whether the key has expired."""
        return self.expires_ms is not None and time.time() * 1000 >= self.expires_ms

    def to_json(self) -> bytes:
        """The stored record. The revocation is a separate object."""
        fields = asdict(self) | {"record_format": FORMAT}
        del fields["revoked_ms"]
        return json.dumps(fields).encode()

    @classmethod
    def from_json(cls, key_id: str, data: bytes) -> ApiKey:
        """Parse the record of a key with this id; members of later versions are ignored.

        Raises `RecordUnreadable`.
        """
        fields = parse_fields(f"the key {key_id}", data)
        own = {**fields, "id": key_id, "revoked_ms": None}
        return check_fields(f"the key {key_id}", own, _API_KEY)


_API_KEY = TypeAdapter(ApiKey)


def key_id_of(text: str) -> str | None:
    """The id in the text of a key; None for any other text."""
    match = KEY.fullmatch(text)
    return match[1] if match else None


def new_key_text() -> tuple[str, str]:
    """The id and the text of a new key, which has 256 random bits."""
    key_id = secrets.token_hex(6)
    return key_id, f"rm_{key_id}_{secrets.token_hex(32)}"
