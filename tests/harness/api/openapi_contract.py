"""Compares responses with the API's own OpenAPI document."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx

from api.app import create_app
from roadmask.settings import Settings

WITH_SLASHES = {"image_id", "key"}


@cache
def contract() -> Contract:
    """The contract of every app: its document, which takes 0.4 s, names the same operations."""
    return Contract(create_app(Settings()).openapi())


class Contract:
    """Checks responses against an OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._operations = [
            (_pattern(path), method.upper(), operation["responses"])
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def check(self, response: httpx.Response) -> None:
        """Raise AssertionError for an undocumented response, or an error in another shape."""
        if response.status_code >= 400:
            response.read()
            assert response.headers["Content-Type"] == "application/problem+json"
            problem = response.json()
            assert problem["status"] == response.status_code
            assert problem["type"] == f"urn:roadmask:error:{problem['code']}"
            assert problem["detail"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        documented = self._documented(response.request)
        if documented is None:
            return
        assert str(response.status_code) in documented, f"{response.status_code} is not documented"
        if response.status_code >= 400:
            content = documented[str(response.status_code)]["content"]
            assert problem["code"] in content["application/problem+json"]["examples"]

    def _documented(self, request: httpx.Request) -> dict[str, Any] | None:
        return next(
            (
                responses
                for pattern, method, responses in self._operations
                if method == request.method and pattern.fullmatch(request.url.path)
            ),
            None,
        )


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    names = [".+" if name in WITH_SLASHES else "[^/]+" for name in parts[1::2]]
    literals = [re.escape(literal) for literal in parts[::2]]
    return re.compile("".join(a + b for a, b in zip(literals, [*names, ""], strict=True)))
