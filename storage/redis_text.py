"""Text and times from the replies of Redis, which are bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from redis import Redis

log = logging.getLogger(__name__)


def text(reply: object, errors: str = "strict") -> str:
    """Decode a reply; a decoded one stays. The types of redis-py do not distinguish the two."""
    return reply.decode(errors=errors) if isinstance(reply, bytes) else str(reply)


def texts(replies: Iterable[object]) -> list[str]:
    """Decode the members of a shared key. Invalid UTF-8 is replaced, so that one damaged member
    does not hide the others: it decodes to a text that is no id."""
    return [text(reply, errors="replace") for reply in replies]


def count(reply: object) -> int:
    """Decode a count; 0 if it is missing or damaged, so that it does not hide other counts."""
    digits = text(reply, errors="replace")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def is_utf8(reply: bytes) -> bool:
    """Whether a reply can be decoded."""
    try:
        reply.decode()
    except UnicodeDecodeError:
        return False
    return True


def known_ids(
    redis: Redis, key: str, members: Sequence[bytes], is_id: Callable[[bytes], bool]
) -> list[str]:
    """Decode the members of a sorted set that are ids, and remove all other members from the set.

    Nothing else would ever remove them, and every reader of the set would read them again.
    """
    invalid = [member for member in members if not is_id(member)]
    if invalid:
        log.error("removed from %s, because these are no ids: %s", key, invalid[:9])
        redis.zrem(key, *invalid)
    return [text(member) for member in members if is_id(member)]


def mapping(reply: Mapping[Any, Any], errors: str = "strict") -> dict[str, str]:
    """Decode the fields and values of a hash."""
    return {text(name, errors): text(value, errors) for name, value in reply.items()}


def now_ms(redis: Redis) -> int:
    """Return the time of Redis, milliseconds since 1970."""
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
