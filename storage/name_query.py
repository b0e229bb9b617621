"""Search by name: every word of the query must occur in the name, in any order."""

from __future__ import annotations

from collections.abc import Callable


def name_matcher(query: str) -> Callable[[str], bool]:
    """Return the test whether a name matches: `cam1 0999`, or `cam1*0999` in this order.

    Case does not matter. `*` stands for any characters.
    """
    words = [word.split("*") for word in query.lower().split()]

    def matches(name: str) -> bool:
        lower = name.lower()
        return all(_occurs(parts, lower) for parts in words)

    return matches


def _occurs(parts: list[str], name: str) -> bool:
    # The first place of each part is enough, so this is linear however many stars there are.
    at = 0
    for part in parts:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
