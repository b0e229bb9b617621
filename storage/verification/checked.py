"""The result of verifying one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from roadmask.errors import NotFound
from storage.connections import is_outage
from storage.objects.store import ObjectStore


class Checked(NamedTuple):
    """An object that was verified."""

    key: str
    fault: str | None = None
    """Description of the damage; None for a sound object."""
    repair: str | None = None
    """Description of the repair; None if there was none."""


Check = Callable[[str], Checked | None]
"""Verifies the object with a key. Returns None for an object that another check verifies."""


def check_each(store: ObjectStore, keys: Iterator[str], check: Check) -> Iterator[Checked]:
    """Verify objects one after the other. An unreadable object counts as damaged.

    Raises `StoreUnavailable` and the errors of redis-py if the store or Redis is unavailable.
    """
    for key in keys:
        try:
            checked = check(key)
        except NotFound:
            continue  # It was deleted after it had been listed.
        except Exception as error:  # a damaged object raises half a dozen classes
            if is_outage(error):
                raise
            store.check()
            checked = Checked(key, f"it cannot be read: {error or type(error).__name__}")
        if checked is not None:
            yield checked
