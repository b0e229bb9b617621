"""The API's fixtures, and a client that holds it to its own documentation."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.contract import Contract
from tests.api.fixtures import api, empty_api, settings, store, worker, working
from tests.api.server import ApiServer

__all__ = ["api", "empty_api", "settings", "store", "worker", "working"]


@pytest.fixture
def client(empty_api: ApiServer) -> Iterator[httpx.Client]:
    """A client that also checks each answer against what the API documents of itself."""
    hooks = {"response": [Contract(empty_api.app).check]}
    with httpx.Client(base_url=empty_api.url, event_hooks=hooks, timeout=20) as client:
        yield client
