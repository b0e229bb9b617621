"""All API keys, in the object store, with a revision in Redis that changes with every change.

The records outlive an emptied Redis. The record of a key never changes, and its revocation is a
second object. So no two processes write the same object.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from redis import Redis

from roadmask.errors import Conflict, NotFound, RecordsUnavailable, RecordUnreadable
from roadmask.hashing import sha256_of
from roadmask.schemas.media_types import JSON
from storage.access.api_key import KEY_ID, ApiKey, Scope, new_key_text
from storage.connections import records_guard
from storage.objects.keys import API_KEYS
from storage.objects.store import ObjectStore
from storage.wall_clock import wall_ms

log = logging.getLogger(__name__)

REVISION = "rm:keys"
"""A random text that changes with the keys."""
REVOKED = ".revoked.json"
_RECORD = re.compile(rf"{API_KEYS}({KEY_ID})(\.json|{re.escape(REVOKED)})")
CHECK_S = 0.2
"""Longest time until a process checks the revision again, seconds."""
THREADS = 8


class ApiKeys:
    """Creates, lists and revokes keys. Every method raises `StoreUnavailable`."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store

    def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        expires_ms: int | None = None,
        rate: int | None = None,
        quota_items: int | None = None,
        quota_bytes: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key; return its record and its text. Raises `Conflict` for a used name."""
        if any(key.name == name and key.revoked_ms is None for key in self.list()):
            raise Conflict(f"There is a key {name!r}. Revoke it first, or choose another name.")
        key_id, text = new_key_text()
        key = ApiKey(
            id=key_id,
            name=name,
            sha256=sha256_of(text.encode()),
            scopes=tuple(scopes),
            created_ms=wall_ms(),
            expires_ms=expires_ms,
            rate=rate,
            quota_items=quota_items,
            quota_bytes=quota_bytes,
        )
        self._store.put(f"{API_KEYS}{key_id}.json", key.to_json(), JSON)
        self._announce()
        return key, text

    def list(self) -> list[ApiKey]:
        """All keys, including revoked ones, the oldest first.

        Objects with other names are ignored: with any key, the service refuses anonymous clients.
        """
        found = [
            match.groups() for match in map(_RECORD.fullmatch, self._store.keys(API_KEYS)) if match
        ]
        revoked = {key_id for key_id, suffix in found if suffix == REVOKED}
        ids = [key_id for key_id, suffix in found if suffix != REVOKED]
        with ThreadPoolExecutor(THREADS) as pool:
            keys = list(pool.map(lambda key_id: self._read(key_id, key_id in revoked), ids))
        return sorted(keys, key=lambda key: key.created_ms)

    def revoke(self, name: str) -> ApiKey:
        """Revoke the key with this name or id. Raises `NotFound`."""
        for key in self.list():
            if name in (key.name, key.id) and key.revoked_ms is None:
                body = json.dumps({"revoked_ms": wall_ms()}).encode()
                self._store.put(f"{API_KEYS}{key.id}{REVOKED}", body, JSON)
                self._announce()
                return key
        raise NotFound(f"There is no key {name!r} in use. `roadmask keys list` shows all.")

    def _read(self, key_id: str, is_revoked: bool) -> ApiKey:
        """Read a key. A damaged record counts as a key that no text opens."""
        name = f"{API_KEYS}{key_id}.json"
        try:
            key = ApiKey.from_json(key_id, self._store.get(name))
        except (RecordUnreadable, NotFound) as error:
            log.error("%s cannot be read, so this key is refused: %s", name, error.detail)
            key = ApiKey(key_id, "unreadable", sha256="", scopes=(), created_ms=0)
        if not is_revoked:
            return key
        try:
            revoked = json.loads(self._store.get(f"{API_KEYS}{key_id}{REVOKED}"))
            return replace(key, revoked_ms=int(revoked["revoked_ms"]))
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            return replace(key, revoked_ms=1)

    def _announce(self) -> None:
        # Without Redis, processes notice the change when they read the keys again.
        with suppress(RecordsUnavailable), records_guard():
            self._redis.set(REVISION, uuid4().hex)
        # Every process notices the change before the caller goes on.
        time.sleep(2 * CHECK_S)
