"""Spaces: the sorted sets of ids in Redis that a caller reads and writes.

What has no owner is in one space, and what has one is in the space of its owner and in that of all
owned images. So each caller reads two disjoint spaces, however many keys there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storage.access.caller import Caller

SHARED = "rm:images"
OWNED = "rm:images:owned"
SPACE_OF = "rm:images:of:"
"""Prefix, per owner."""
TRUTH = ":truth"
"""Suffix of the space of those images that have a truth."""


@dataclass(frozen=True, slots=True)
class Spaces:
    """The spaces of a caller."""

    read: tuple[str, str]
    write: tuple[str, ...]


def spaces_of(caller: Caller) -> Spaces:
    """The spaces of a caller."""
    if caller.owner is None:
        return Spaces((SHARED, OWNED), (SHARED,))
    own = f"{SPACE_OF}{caller.owner}"
    return Spaces((SHARED, OWNED if caller.sees_all else own), (own, OWNED))


def listing_spaces(audience: Iterable[str | None]) -> tuple[str, ...]:
    """The spaces that list what these owners may read; None stands for all of them."""
    owners = list(audience)
    if None in owners:
        return (SHARED,)
    return (*(f"{SPACE_OF}{owner}" for owner in owners), OWNED)
