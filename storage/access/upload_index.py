"""Upload index: which uploads each owner has, and how many bytes they are, in Redis."""

from __future__ import annotations

from typing import Any

from redis import Redis

from storage.access.quota_holds import Hold
from storage.connections import records_guard

OWNED_UPLOADS = "rm:uploads:owned"
"""Hash from an owned upload (`kind/sha256`) to the number of its owners."""
UPLOADS_OF = "rm:uploads:of:"
"""Prefix, per owner: hash from an upload to its size in bytes."""
UPLOAD_NAMES = "rm:uploads:names:"
"""Prefix, per owner: hash from an upload to the name of its file."""
USAGE = "rm:usage"
"""Hash from an owner to the bytes of its uploads."""
_ADD_BYTES = """
-- KEYS: uploads of the owner, and as the 4th the bytes by owner. A damaged sum is made anew.
local function add_bytes(owner, bytes)
  if type(redis.pcall('HINCRBY', KEYS[4], owner, bytes)) == 'table' then
    local sum = 0
    for _, size in ipairs(redis.call('HVALS', KEYS[1])) do
      sum = sum + (tonumber(size) or 0)
    end
    redis.pcall('HSET', KEYS[4], owner, string.format('%.0f', sum))
  end
end
"""
_INDEX = f"""{_ADD_BYTES}
-- Note that an owner has an upload. KEYS: uploads of the owner, their filenames, all owned uploads,
-- bytes by owner, quota holds of the owner. ARGV: owner, upload, bytes, filename or ''.
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
end
if redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) == 1 then
  redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
  add_bytes(ARGV[1], ARGV[3])
end
redis.call('HDEL', KEYS[5], ARGV[2])
"""
_FORGET = f"""{_ADD_BYTES}
-- Forget that an owner has an upload. KEYS: the first 4 of the script above. ARGV: owner, upload.
redis.call('HDEL', KEYS[2], ARGV[2])
local size = redis.call('HGET', KEYS[1], ARGV[2])
if size then
  redis.call('HDEL', KEYS[1], ARGV[2])
  add_bytes(ARGV[1], string.format('%.0f', 0 - size))
  if redis.call('HINCRBY', KEYS[3], ARGV[2], -1) <= 0 then
    redis.call('HDEL', KEYS[3], ARGV[2])
  end
end
"""


class UploadIndex:
    """Every method is atomic and idempotent, and raises `RecordsUnavailable`."""

    def __init__(self, redis: Redis) -> None:
        self._add: Any = redis.register_script(_INDEX)
        self._forget: Any = redis.register_script(_FORGET)

    def add(self, owner: str, field: str, size: int, filename: str | None) -> None:
        """Note that an owner has an upload (`kind/sha256`) of `size` bytes, and end its hold."""
        held = Hold(USAGE, owner, field).keys[1]
        with records_guard():
            self._add(keys=[*_keys(owner), held], args=[owner, field, size, filename or ""])

    def forget(self, owner: str, field: str) -> None:
        """Forget that an owner has an upload (`kind/sha256`)."""
        with records_guard():
            self._forget(keys=_keys(owner), args=[owner, field])


def _keys(owner: str) -> list[str]:
    return [f"{UPLOADS_OF}{owner}", f"{UPLOAD_NAMES}{owner}", OWNED_UPLOADS, USAGE]
