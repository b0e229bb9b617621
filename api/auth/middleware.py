"""Authentication: API keys, checked before a byte of the body is read.

Only the sha256 of each key is kept, so neither the object store nor the environment holds a key.
Keys are long and random, so a fast hash is enough.

A service without keys answers every client that reaches it, except pages of other sites in a
browser on the same network: see `api.auth.cross_site`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.access import Access, check_rate, check_scope
from api.auth.cross_site import refuse_cross_site
from api.errors import problem_response
from roadmask.errors import RoadmaskError
from roadmask.settings import Settings
from storage.access.caller import Caller
from storage.access.key_usage import RateWindow
from storage.telemetry.log_context import bind

PUBLIC_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json", "/page", "/v1/objects")
"""Paths that need no key, with all paths below them, and the page's document at `/`. Objects of the
local store are protected by the signature in their URL."""
BASIC_PATHS = ("/label-studio",)
"""Paths that also take HTTP Basic, because Label Studio can send nothing else."""

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of this service.",
    },
    "APIKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key in a header of its own.",
    },
    "HTTPBasic": {
        "type": "http",
        "scheme": "basic",
        "description": "Any user name, with an API key as the password.",
    },
}
"""`components.securitySchemes` of the OpenAPI document."""


class ApiKeyMiddleware:
    """ASGI middleware that authenticates each request, and refuses it without permission.

    If the service has no keys, requests from pages of other sites get `CrossSiteRequest`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._public_url = settings.public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        access: Access = scope["app"].state.components.access
        window: RateWindow | None = None
        try:
            caller = await self._caller(access, scope)
            window = await access.take_request(caller)
            check_rate(window)
        except RoadmaskError as error:
            headers = window.headers() | {"Retry-After": str(window.reset_s)} if window else {}
            await problem_response(error, headers)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        limits = window.headers() if window else {}
        raw = [(name.lower().encode(), value.encode()) for name, value in limits.items()]

        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The entry in the audit log is written before the client gets the answer.
                await access.record(scope, caller, message["status"])
                message["headers"] = [*message["headers"], *raw]
            await send(message)

        await self._app(scope, receive, send_recorded)

    async def _caller(self, access: Access, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        key = _sent_key(headers, takes_basic=_is_below(scope["path"], BASIC_PATHS))
        server = scope.get("server") or ("",)
        caller = await access.caller(key, str(server[0]))
        if caller.owner is None:
            refuse_cross_site(scope["method"], headers, self._public_url)
        else:
            bind(key=caller.name, key_id=caller.owner)
        check_scope(caller, scope["method"], scope["path"])
        return caller


def is_public(path: str) -> bool:
    """Whether requests to this path need no key."""
    return path == "/" or _is_below(path, PUBLIC_PATHS)


def security_requirements(path: str) -> list[dict[str, Any]]:
    """`security` of the path's operations in the OpenAPI document; empty for public paths."""
    if is_public(path):
        return []
    names = ["HTTPBearer", "APIKeyHeader"]
    if _is_below(path, BASIC_PATHS):
        names = ["HTTPBasic", *names]
    return [{name: []} for name in names]


def _is_below(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _sent_key(headers: Headers, *, takes_basic: bool) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if takes_basic and scheme.lower() == "basic":
        return _password(credentials)
    return headers.get("x-api-key")


def _password(credentials: str) -> str | None:
    """The password of HTTP Basic credentials, None when they are malformed."""
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
