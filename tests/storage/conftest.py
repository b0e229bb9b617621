from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.objects.local import LocalStore
from tests.harness.storage.object_stores import every_store, folder, s3_server
from tests.harness.storage.records_harness import RecordsHarness

__all__ = ["every_store", "folder", "s3_server"]


@pytest.fixture
def harness(settings: Settings, redis: Redis, store: LocalStore) -> Iterator[RecordsHarness]:
    """A harness on an empty Redis and an empty store. Leases end after 0.25 s."""
    brief = settings.model_copy(update={"lease_s": 0.25, "reconcile_s": 0.01})
    with RecordsHarness.open(brief) as harness:
        yield harness
