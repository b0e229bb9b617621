"""Rate limits that all API processes share, in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from roadmask.hashing import sha256_of
from storage.connections import records_guard

RATE_LIMIT = "rm:limit:"
"""Prefix, per limit and client: the time (ms) at which its bucket is full again; expires then."""

_TAKE = """
-- Take a token from the bucket KEYS[1]. ARGV: ms in which one token flows in, tokens it holds.
-- Returns 0, or the ms until there is a token.
local interval_ms, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- A clock that was set back must not keep a client out for longer than a full bucket takes.
local latest = now + burst * interval_ms
-- A damaged bucket is a full one, and is replaced.
local stored = redis.pcall('GET', KEYS[1])
local full_at = type(stored) == 'string' and tonumber(stored) or 0
local is_too_late = full_at > latest
full_at = math.min(math.max(now, full_at), latest) -- `now` comes first: it may be no number
local wait_ms = full_at + interval_ms - latest
if wait_ms > 0 then
  if is_too_late then
    redis.call('SET', KEYS[1], string.format('%.3f', latest), 'PX', math.ceil(latest - now))
  end
  return math.ceil(wait_ms)
end
local lives_ms = math.ceil(full_at + interval_ms - now)
redis.call('SET', KEYS[1], string.format('%.3f', full_at + interval_ms), 'PX', lives_ms)
return 0
"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket for each client."""

    name: str
    per_s: float
    burst: int
    """Requests that a client may send at once after a pause."""


class RateLimits:
    """Token buckets (GCRA) of clients: by the id of their key, or by their address."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    async def take(self, limit: RateLimit, client: str) -> float:
        """Take a token: 0, or the seconds until there is one. Raises `RecordsUnavailable`."""
        key = f"{RATE_LIMIT}{limit.name}:{sha256_of(client.encode())[:32]}"
        with records_guard():
            wait_ms = await self._take(keys=[key], args=[1000 / limit.per_s, limit.burst])
        return int(wait_ms) / 1000
