"""The catalogue on an empty Redis and an empty store."""

from __future__ import annotations

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.catalogue.catalogue import Catalogue
from storage.objects.local import LocalStore


@pytest.fixture
def catalogue(redis: Redis, store: LocalStore, settings: Settings) -> Catalogue:
    return StorageBackends.build(redis, store, settings).catalogue
