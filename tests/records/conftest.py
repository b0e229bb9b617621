from __future__ import annotations

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.local_store import LocalStore
from tests.records.hands import Hands


@pytest.fixture
def hands(settings: Settings, redis: Redis, store: LocalStore) -> Hands:
    """All hands on an empty Redis and an empty store; leases end after a quarter of a second."""
    return Hands.of(settings.model_copy(update={"lease_s": 0.25, "reconcile_s": 0.01}))
