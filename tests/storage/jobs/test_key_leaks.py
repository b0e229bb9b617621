"""The checker that runs after every test on Redis catches what would stay for ever."""

from __future__ import annotations

import pytest
from redis import Redis

from storage.jobs.keys import idempotency_key
from tests.harness.storage.key_leaks import find_key_leaks
from tests.harness.storage.records_harness import RecordsHarness, manifest_item, request


def _persist(redis: Redis, key: str) -> None:
    assert redis.persist(key), f"{key} has no time to live, or does not exist"


@pytest.mark.parametrize("part", ["", ":items", ":confusion", ":events"])
def test_a_part_of_a_final_job_that_does_not_expire_is_a_leak(
    harness: RecordsHarness, part: str
) -> None:
    job_id = harness.accept(2)
    assert find_key_leaks(harness.redis) == []
    harness.work(job_id)
    harness.reconciler.run()
    assert find_key_leaks(harness.redis) == []
    leak = f"rm:job:{job_id}{part}"
    _persist(harness.redis, leak)
    assert find_key_leaks(harness.redis) == [leak]
    harness.redis.flushall()


def test_an_idempotency_key_that_does_not_expire_is_a_leak(harness: RecordsHarness) -> None:
    harness.records.create(request(2), map(manifest_item, range(2)), "key")
    assert find_key_leaks(harness.redis) == []
    _persist(harness.redis, idempotency_key("key"))
    assert find_key_leaks(harness.redis) == [idempotency_key("key")]
    harness.redis.flushall()


@pytest.mark.parametrize("key", ["rm:worker:1", "rm:rate:batch:7", "rm:reconciler", "rm:new"])
def test_a_key_of_any_other_kind_must_expire(redis: Redis, key: str) -> None:
    redis.set(key, "1", ex=60)
    assert find_key_leaks(redis) == []
    _persist(redis, key)
    assert find_key_leaks(redis) == [key]
    redis.flushall()
