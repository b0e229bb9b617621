"""The API's fixtures, and a client that compares responses with the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.harness.api.fixtures import (
    api,
    busy_worker,
    callers,
    empty_api,
    settings,
    store,
    worker,
)
from tests.harness.api.openapi_contract import contract
from tests.harness.api.server import ApiServer

__all__ = ["api", "busy_worker", "callers", "empty_api", "settings", "store", "worker"]


@pytest.fixture
def client(empty_api: ApiServer) -> Iterator[httpx.Client]:
    """A client that checks each response against the OpenAPI document."""
    hooks = {"response": [contract().check]}
    with httpx.Client(base_url=empty_api.url, event_hooks=hooks, timeout=20) as client:
        yield client
