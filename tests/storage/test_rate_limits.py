"""Token buckets that all processes share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.connections import connect_async_redis
from storage.rate_limits import RATE_LIMIT, RateLimit, RateLimits

LIMIT = RateLimit("submissions", per_s=0.5, burst=3)


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[RateLimits]:
    """The limits as one process has them."""
    async with connect_async_redis(settings) as redis:
        yield RateLimits(redis)


def run(settings: Settings, test: Callable[[RateLimits, RateLimits], Awaitable[None]]) -> None:
    async def with_two_processes() -> None:
        async with process(settings) as first, process(settings) as second:
            await test(first, second)

    asyncio.run(with_two_processes())


def test_a_burst_passes_and_then_one_every_interval(settings: Settings, redis: Redis) -> None:
    async def test(first: RateLimits, second: RateLimits) -> None:
        waits = [await limits.take(LIMIT, "a") for limits in (first, second, first, second)]
        assert waits[:3] == [0, 0, 0]
        assert 1 < waits[3] <= 2
        assert await first.take(LIMIT, "b") == 0

    run(settings, test)


def test_tokens_flow_in(settings: Settings, redis: Redis) -> None:
    limit = RateLimit("submissions", per_s=20, burst=1)

    async def test(limits: RateLimits, _: RateLimits) -> None:
        for _again in range(3):
            assert await limits.take(limit, "a") == 0
            wait_s = await limits.take(limit, "a")
            assert 0 < wait_s <= 0.05
            await asyncio.sleep(wait_s + 0.01)

    run(settings, test)


def test_the_keys_expire_and_a_clock_that_was_set_back_locks_nobody_out(
    settings: Settings, redis: Redis
) -> None:
    async def test(limits: RateLimits, _: RateLimits) -> None:
        await limits.take(LIMIT, "a")
        (key,) = redis.keys(f"{RATE_LIMIT}*")
        assert 0 < redis.pttl(key) <= 2000
        # As if the clock had been an hour ahead when the bucket was last used.
        redis.set(key, str((time.time() + 3600) * 1000), px=60_000)
        assert await limits.take(LIMIT, "a") <= 2

    run(settings, test)


@pytest.mark.parametrize("value", ["x", "", "1e400", "-1e400", "nan", None])
def test_a_damaged_bucket_is_replaced(settings: Settings, redis: Redis, value: str | None) -> None:
    async def test(limits: RateLimits, _: RateLimits) -> None:
        await limits.take(LIMIT, "a")
        (key,) = redis.keys(f"{RATE_LIMIT}*")
        redis.delete(key)
        if value is None:
            redis.lpush(key, "x")
        else:
            redis.set(key, value)
        assert await limits.take(LIMIT, "a") <= LIMIT.burst / LIMIT.per_s
        assert redis.pttl(key) > 0

    run(settings, test)
