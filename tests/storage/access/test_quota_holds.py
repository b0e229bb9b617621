"""Holds of a quota that are damaged refuse nobody for good."""

from __future__ import annotations

import pytest
from redis import Redis

from storage.access.quota_holds import Hold, QuotaHolds

HOLD = Hold("rm:quota:items:20260101", "owner", "one")


@pytest.mark.parametrize("field", [None, b"", b"x", b"5", b"5 soon", b"-5 9"])
def test_damaged_holds_are_dropped(redis: Redis, field: bytes | None) -> None:
    holds = QuotaHolds(redis)
    if field is None:
        redis.lpush(HOLD.keys[1], "x")
    else:
        redis.hset(HOLD.keys[1], "other", field)
    assert holds.take(HOLD, 7, 7) == (True, 0)
    holds.count(HOLD, 7, 60)
    assert holds.take(HOLD, 1, 7) == (False, 7)


@pytest.mark.parametrize("value", [None, "x", ""])
def test_a_damaged_counter_refuses_nobody(redis: Redis, value: str | None) -> None:
    holds = QuotaHolds(redis)
    if value is None:
        redis.lpush(HOLD.used, "x")
    else:
        redis.hset(HOLD.used, HOLD.owner, value)
    assert holds.take(HOLD, 7, 7) == (True, 0)
    holds.count(HOLD, 7, 60)
