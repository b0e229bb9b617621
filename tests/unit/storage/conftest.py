"""Fixtures of several tests of the object stores and the catalogue."""

from __future__ import annotations

import pytest
from redis import Redis

from storage.catalogue import Catalogue
from storage.local_store import LocalStore


@pytest.fixture
def catalogue(redis: Redis, store: LocalStore) -> Catalogue:
    return Catalogue(redis, store)
