"""Results of erased images are emptied, wherever the results of their job are at that moment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from storage.access.caller import ANYBODY, owner_alone
from storage.backends import StorageBackends
from storage.erasure.erasure import Erased
from storage.erasure.redactor import Redactor
from storage.jobs.keys import results_key, unsealed_key
from tests.harness.storage.key_leaks import find_key_leaks
from tests.harness.storage.records_harness import RecordsHarness, manifest_item


def test_results_that_are_sealed_meanwhile_are_emptied_in_the_store(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, image = harness.accept(4), manifest_item(0).sha256
    claim = harness.begin(job_id)
    harness.succeed(claim, 0)
    read = Redis.hget

    def read_then_seal(self: Redis, name: bytes | str, key: str) -> Any:
        found = read(self, name, key)
        if ":results:" in str(name) and found:
            for index in [item.index for item in claim.items][1:]:
                harness.succeed(claim, index)
            harness.leases.release(claim)
            harness.work(job_id)
            harness.reconciler.run()
        return found

    redactor = Redactor(harness.redis, harness.store, lambda _: set())
    with monkeypatch.context() as patch:
        patch.setattr(Redis, "hget", read_then_seal)
        assert redactor.redact(job_id, {image}, set()) == {image: 1}
    assert find_key_leaks(harness.redis) == []
    first, *others = harness.items(job_id)
    assert first.result is not None
    assert first.result.shares == {}
    assert all(item.result and item.result.shares for item in others)
    assert not redactor.redact(job_id, {image}, set()).total()


@pytest.mark.parametrize("damage", [None, "type", "x"])
def test_results_in_redis_are_found_without_a_look_at_all_keys(
    harness: RecordsHarness, damage: str | None
) -> None:
    storage = StorageBackends.build(harness.redis, harness.store, harness.settings)
    jobs = [harness.accept(4) for _ in range(2)]
    for job_id in jobs:
        harness.succeed(harness.begin(job_id), 0)
        if damage == "type":
            harness.redis.delete(unsealed_key(job_id))
            harness.redis.set(unsealed_key(job_id), "x")
        elif damage:
            harness.redis.sadd(unsealed_key(job_id), damage)
    harness.redis.config_resetstat()
    redactor = Redactor(harness.redis, harness.store, lambda _: set())
    assert not redactor.redact(jobs[0], {manifest_item(0).sha256}, set()).total()
    line = json.loads(harness.redis.hget(results_key(jobs[0], 0), "0") or b"")
    assert line["result"]["shares"] == {}
    storage.eraser.job(ANYBODY, jobs[1])
    assert not harness.redis.exists(results_key(jobs[1], 0))
    assert ("cmdstat_scan" in harness.redis.info("commandstats")) == bool(damage)


def test_a_damaged_result_keeps_no_other_job_from_being_emptied(harness: RecordsHarness) -> None:
    storage = StorageBackends.build(harness.redis, harness.store, harness.settings)
    bad, good = (harness.accept(4) for _ in range(2))
    for job_id in (bad, good):
        harness.succeed(harness.begin(job_id), 0)
    sha256 = manifest_item(0).sha256
    harness.redis.hset(results_key(bad, 0), "0", "{")
    record = storage.eraser.records.begin(Erased.IMAGE, f"sha256-{sha256}", owner_alone("one"))
    record = replace(record, owner=None, images=(sha256,), hidden_ms=1)
    storage.eraser.records.save(record)
    assert storage.eraser.sweep() == 0
    line = json.loads(harness.redis.hget(results_key(good, 0), "0") or b"")
    assert line["result"]["shares"] == {}
    harness.redis.hdel(results_key(bad, 0), "0")
    assert storage.eraser.sweep() == 1
