"""The log context: names and values that are added to each log line of a thread or task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_bound: ContextVar[Mapping[str, Any] | None] = ContextVar("log_context", default=None)


def log_context() -> Mapping[str, Any]:
    """The bound names and values."""
    return _bound.get() or {}


def bind(**facts: Any) -> None:
    """Bind names and values until the task or the surrounding `bound` ends."""
    _bound.set({**log_context(), **facts})


@contextmanager
def bound(**facts: Any) -> Iterator[None]:
    """Bind names and values inside the `with` block."""
    token = _bound.set({**log_context(), **facts})
    try:
        yield
    finally:
        _bound.reset(token)
