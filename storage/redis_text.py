"""Text and times from the replies of Redis, which are bytes."""

from __future__ import annotations

from collections.abc import Iterable

from redis import Redis


def text(reply: object, errors: str = "strict") -> str:
    """Decode a reply. The types of redis-py leave open whether it was decoded already."""
    return reply.decode(errors=errors) if isinstance(reply, bytes) else str(reply)


def texts(replies: Iterable[object]) -> list[str]:
    """Decode a list of replies."""
    return [text(reply) for reply in replies]


def mapping(reply: dict[bytes, bytes]) -> dict[str, str]:
    """Decode the fields and values of a hash."""
    return {text(name): text(value) for name, value in reply.items()}


def now_ms(redis: Redis) -> int:
    """Return the time of Redis, milliseconds since 1970."""
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
