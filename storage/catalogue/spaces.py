"""Spaces: the sorted sets of image ids in Redis that a caller reads and writes.

An image without an owner is in the shared space. An owned image is in the space of its owner and in
the space of all owned images. So each caller reads 2 disjoint spaces, however many keys there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storage.access.caller import Caller

SHARED = "rm:images"
"""Space of the images without an owner."""
OWNED = "rm:images:owned"
"""Space of all owned images, which admin keys read."""
SPACE_OF = "rm:images:of:"
"""Prefix, per owner: the space of its images."""
TRUTH = ":truth"
"""Suffix of a space: the subset of images that have a truth."""


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
    """The spaces that list images for these owners; None stands for all owners."""
    owners = list(audience)
    if None in owners:
        return (SHARED,)
    return (*(f"{SPACE_OF}{owner}" for owner in owners), OWNED)
