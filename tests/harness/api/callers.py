"""Keys of a test, and clients that send them."""

from __future__ import annotations

from typing import Any

import httpx

from storage.access.api_key import ApiKey, Scope
from storage.backends import StorageBackends
from tests.harness.api.openapi_contract import contract
from tests.harness.api.server import ApiServer

BOTH = (Scope.SUBMIT, Scope.READ)


class Callers:
    """Creates keys on a running API, and a client for each."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._clients: list[httpx.Client] = []
        self.storage: StorageBackends = api.app.state.components.storage

    def key(self, name: str, scopes: tuple[Scope, ...] = BOTH, **limits: Any) -> ApiKey:
        """Create a key. Its client is `client(name)`."""
        key, text = self.storage.api_keys.create(name, scopes, **limits)
        self._clients.append(
            httpx.Client(
                base_url=self._api.url,
                headers={"X-API-Key": text, "X-Name": name},
                event_hooks={"response": [contract().check]},
                timeout=20,
            )
        )
        return key

    def client(self, name: str, scopes: tuple[Scope, ...] = BOTH, **limits: Any) -> httpx.Client:
        """A client with a new key."""
        self.key(name, scopes, **limits)
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()
