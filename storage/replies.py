"""Redis answers in bytes; what is text in them becomes text here."""

from __future__ import annotations

from collections.abc import Iterable


def text(reply: object) -> str:
    """An answer that is text. redis-py's types leave open whether it was decoded already."""
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def texts(replies: Iterable[object]) -> list[str]:
    """A list of answers that are text."""
    return [text(reply) for reply in replies]


def mapping(reply: dict[bytes, bytes]) -> dict[str, str]:
    """A hash whose fields and values are text."""
    return {text(name): text(value) for name, value in reply.items()}
