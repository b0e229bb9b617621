"""Compares responses with the API's own OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

import httpx
from fastapi import FastAPI

WITH_SLASHES = {"image_id", "key"}


class Contract:
    """Checks responses against the OpenAPI document of an app."""

    def __init__(self, app: FastAPI) -> None:
        self._operations = [
            (_pattern(path), method.upper(), operation["responses"])
            for path, methods in app.openapi()["paths"].items()
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
