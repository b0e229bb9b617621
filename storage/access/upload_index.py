"""The index in Redis of who has which upload, and of the bytes that each owner has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from redis import Redis

from storage.access.quota_holds import Hold
from storage.connections import records_guard

OWNED_UPLOADS = "rm:uploads:owned"
"""Hash from an upload (`kind/sha256`) that has owners to their number; it may be too high after a
repair."""
UPLOADS_OF = "rm:uploads:of:"
"""Prefix, per owner: hash from an upload to its size in bytes."""
UPLOAD_NAMES = "rm:uploads:names:"
"""Prefix, per owner: hash from an upload to the name of its file."""
USAGE = "rm:usage"
"""Hash from an owner to the bytes of its uploads."""

_ADD = """
-- Note that an owner has an upload. KEYS: its uploads, the names of their files, the uploads with
-- owners, the bytes of owners, the holds of this one. ARGV: owner, upload, bytes, filename or ''.
redis.call('HSETNX', KEYS[3], ARGV[2], 0) -- first: what is not in it is visible to all keys
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
end
if redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) == 1 then
  redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
  redis.call('HINCRBY', KEYS[4], ARGV[1], ARGV[3])
end
redis.call('HDEL', KEYS[5], ARGV[2])
"""
_FORGET = """
-- Forget that an owner has an upload. KEYS: the first four above. ARGV: owner, upload, prefix of
-- the uploads of an owner.
local owners = redis.call('HKEYS', KEYS[4])
redis.call('HDEL', KEYS[2], ARGV[2])
local size = redis.call('HGET', KEYS[1], ARGV[2])
if size then
  redis.call('HDEL', KEYS[1], ARGV[2])
  -- A damaged number of bytes must not keep the upload from being forgotten.
  redis.pcall('HINCRBY', KEYS[4], ARGV[1], string.format('%.0f', 0 - size))
  redis.pcall('HINCRBY', KEYS[3], ARGV[2], -1)
  for _, owner in ipairs(owners) do
    -- An owner whose uploads cannot be read may have it.
    if redis.pcall('HEXISTS', ARGV[3] .. owner, ARGV[2]) ~= 0 then
      return
    end
  end
  redis.call('HDEL', KEYS[3], ARGV[2])
end
"""
_COUNT = """
-- Count the bytes of an owner anew. KEYS: its uploads, the bytes of owners. ARGV: owner.
local bytes = 0
for _, size in ipairs(redis.call('HVALS', KEYS[1])) do
  bytes = bytes + (tonumber(size) or 0)
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', bytes))
"""


class UploadIndex:
    """Every method is one step in Redis, safe to repeat, and raises `RecordsUnavailable`."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._add = redis.register_script(_ADD)
        self._forget = redis.register_script(_FORGET)
        self._count = redis.register_script(_COUNT)

    def add(self, owner: str, upload: str, size: int, filename: str | None) -> None:
        """Note that an owner has an upload, and no longer holds a part of its quota for it."""
        held = Hold(USAGE, owner, upload).keys[1]
        with records_guard():
            self._add(
                keys=[*_keys(owner), OWNED_UPLOADS, USAGE, held],
                args=[owner, upload, size, filename or ""],
            )

    def forget(self, owner: str, upload: str) -> None:
        """Forget that an owner has an upload."""
        with records_guard():
            self._forget(
                keys=[*_keys(owner), OWNED_UPLOADS, USAGE], args=[owner, upload, UPLOADS_OF]
            )

    def count(self, owner: str) -> None:
        """Count the bytes of an owner anew."""
        with records_guard():
            self._count(keys=[_keys(owner)[0], USAGE], args=[owner])

    def replace_damaged(self, uploads: Iterable[str]) -> None:
        """Put all uploads with owners, each once for each owner, in place of a damaged list."""
        with records_guard():
            if self._redis.type(OWNED_UPLOADS) in (b"hash", b"none"):
                return
        numbers = Counter(uploads)
        # All at once: meanwhile no upload is visible to all keys.
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(OWNED_UPLOADS)
            for upload, number in numbers.items():
                pipe.hset(OWNED_UPLOADS, upload, number)
            pipe.execute()


def _keys(owner: str) -> tuple[str, str]:
    """The keys of an owner: its uploads, and the names of their files."""
    return f"{UPLOADS_OF}{owner}", f"{UPLOAD_NAMES}{owner}"
