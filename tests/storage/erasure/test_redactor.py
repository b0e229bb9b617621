"""Results of erased images are emptied, wherever the results of their job are at that moment."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from storage.erasure.redactor import Redactor
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
        assert redactor.redact(job_id, {image}, set()) == 1
    assert find_key_leaks(harness.redis) == []
    first, *others = harness.items(job_id)
    assert first.result is not None
    assert first.result.shares == {}
    assert all(item.result and item.result.shares for item in others)
    assert redactor.redact(job_id, {image}, set()) == 0
