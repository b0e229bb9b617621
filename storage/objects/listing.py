"""Listings that tolerate an unreadable folder, and deletions that are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from roadmask.errors import StoreUnavailable
from storage.objects.store import ObjectStore


def listed_keys(
    store: ObjectStore, prefix: str, skip: Callable[[str, Exception], None]
) -> Iterator[str]:
    """Iterate over the keys with a prefix, in order, as far as the store lists them.

    If the listing is incomplete, `skip` is called with the prefix and the error. It may raise the
    error again.
    """
    try:
        yield from store.keys(prefix)
    except StoreUnavailable as error:
        skip(prefix, error)


def delete_found(store: ObjectStore, *keys: str) -> int:
    """Delete objects; return how many of them existed."""
    found = [key for key in keys if store.exists(key)]
    for key in found:
        store.delete(key)
    return len(found)
