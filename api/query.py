"""Query parameters: unknown ones are refused, so that a typing error is noticed."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from roadmask.errors import InvalidRequest
from roadmask.shown import shown

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths of health checks. Monitors may add parameters of their own."""


async def check_query(request: Request) -> None:
    """Raise `InvalidRequest` for an unknown parameter, or for a repeated one that is not a list."""
    route = request.scope["route"]
    if not request.query_params or not isinstance(route, APIRoute):
        return
    if not route.include_in_schema or route.path in PROBES:
        return
    known = dict(_parameters(route.dependant))
    for name in request.query_params:
        if name not in known:
            listed = ", ".join(f"`{other}`" for other in sorted(known)) or "none"
            raise InvalidRequest(
                f"There is no query parameter {shown(name[:80])!r} here. Known: {listed}."
            )
        if not known[name] and len(request.query_params.getlist(name)) > 1:
            raise InvalidRequest(f"The query parameter `{name}` comes twice. Send it once.")


def _parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The name of each query parameter, and whether it may be repeated."""
    for field in dependant.query_params:
        yield field.alias, "list" in str(field.field_info.annotation)
    for dependency in dependant.dependencies:
        yield from _parameters(dependency)
