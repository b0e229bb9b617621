"""Parts of quotas that requests in progress hold, so that concurrent requests respect a quota.

A request first holds an amount. The amount is counted as used when the request succeeds, and
dropped when it fails. The hold of a process that died ends after `HOLD_S`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis

HOLDS = "rm:quota:holds:"
"""Prefix, per quota and owner: hash from the id of a hold to its amount and its end; expires."""
HOLD_S = 2 * 3600
"""Life of a hold, seconds: longer than the acceptance of a job may take."""

_TAKE = """
-- Hold a part of a quota. KEYS: used amounts by owner, holds of this owner.
-- ARGV: owner, id of the hold, its amount, the quota, life of the hold in seconds.
-- Returns whether the amount is held, and the sum of used amount and other holds.
local time = tonumber(redis.call('TIME')[1])
-- Damaged holds are deleted and a damaged counter reads as 0, so that neither refuses an owner.
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then
  redis.call('DEL', KEYS[2])
end
local used = redis.pcall('HGET', KEYS[1], ARGV[1])
local others = type(used) == 'string' and tonumber(used) or 0
local holds = redis.call('HGETALL', KEYS[2])
for i = 1, #holds, 2 do
  local amount, ends = holds[i + 1]:match('^(%d+) (%d+)$')
  if tonumber(ends or 0) <= time then
    redis.call('HDEL', KEYS[2], holds[i])
  elseif holds[i] ~= ARGV[2] then
    others = others + tonumber(amount)
  end
end
if others + tonumber(ARGV[3]) > tonumber(ARGV[4]) then
  return { 0, others }
end
redis.call('HSET', KEYS[2], ARGV[2], string.format('%s %.0f', ARGV[3], time + ARGV[5]))
redis.call('EXPIRE', KEYS[2], ARGV[5])
return { 1, others }
"""
_COUNT = """
-- End a hold and count its amount as used. KEYS: as above. ARGV: owner, id of the hold, its amount,
-- seconds to keep the counter.
if redis.call('HDEL', KEYS[2], ARGV[2]) == 1 then
  redis.pcall('HINCRBY', KEYS[1], ARGV[1], ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """A part of a quota, held under an id. A second `take` replaces the amount."""

    used: str
    """Key of the hash from owners to used amounts."""
    owner: str
    id: str

    @property
    def keys(self) -> list[str]:
        """The keys of the used amounts and of the owner's holds."""
        return [self.used, f"{HOLDS}{self.used}:{self.owner}"]


class QuotaHolds:
    """Takes, counts and drops holds. Every method is atomic and idempotent."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._take = redis.register_script(_TAKE)
        self._count = redis.register_script(_COUNT)

    def take(self, hold: Hold, amount: int, quota: int) -> tuple[bool, int]:
        """Hold an amount if the quota allows it.

        Returns whether it is held, and the sum of the used amount and all other holds.
        """
        arguments: list[str | int] = [hold.owner, hold.id, amount, quota, HOLD_S]
        taken, others = self._take(keys=hold.keys, args=arguments)
        return bool(taken), int(others)

    def count(self, hold: Hold, amount: int, keep_s: int) -> None:
        """End a hold and add its amount to the counter, which lives for `keep_s` seconds."""
        self._count(keys=hold.keys, args=[hold.owner, hold.id, amount, keep_s])

    def drop(self, hold: Hold) -> None:
        """End a hold without counting it."""
        self._redis.hdel(hold.keys[1], hold.id)
