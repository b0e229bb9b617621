"""What the verification of one object found."""

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
    """What is wrong with it; None for a sound object."""
    repair: str | None = None
    """What was done about it; None if nothing was, or can be."""


Check = Callable[[str], Checked | None]
"""Verifies the object with a key; None for an object that another check looks at."""


def check_each(store: ObjectStore, keys: Iterator[str], check: Check) -> Iterator[Checked]:
    """Verify objects one after the other. One that cannot be read is a fault of its own.

    Raises `StoreUnavailable` and the errors of redis-py if the store or Redis is out of reach.
    """
    for key in keys:
        try:
            checked = check(key)
        except NotFound:
            continue  # It was deleted since it was listed.
        except Exception as error:  # a damaged object raises half a dozen classes
            if is_outage(error):
                raise
            store.check()
            checked = Checked(key, f"it cannot be read: {error or type(error).__name__}")
        if checked is not None:
            yield checked
