"""What the keys of a service have used."""

from __future__ import annotations

from typing import Any

from storage.access.upload_index import USAGE
from storage.backends import StorageBackends


def bytes_stored(storage: StorageBackends, owner: str) -> int:
    """Bytes of the uploads of an owner."""
    redis: Any = storage.redis
    return int(redis.hget(USAGE, owner) or 0)
