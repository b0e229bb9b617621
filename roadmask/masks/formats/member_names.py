"""Member names: how the masks of an archive are called."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roadmask.images.stems import folded, stem

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


def safe_path(name: str) -> str:
    """The name as a relative path that leads out of no folder; empty if nothing of it is left.

    Control characters and backslashes, which are separators on Windows, become `_`.
    """
    parts = _UNSAFE.sub("_", name).split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


class MemberNames:
    """The names of an archive's masks by the names of their images: unique, and safe to extract.

    The mask of `a/x.jpg` is `masks/a/x.png`, as in a folder run. It keeps the suffix of its image
    when there is another image with its stem. Names that differ by case, or by how a letter and its
    accent are written, count as one: they are one file on macOS and Windows. Names are kept as
    hashes: an archive may have millions.
    """

    def __init__(self, names: Iterable[str], suffix: str) -> None:
        self._suffix = suffix
        self._owners: dict[int, int] = {}
        self._ambiguous: set[int] = set()
        first: dict[int, int] = {}
        for path in map(safe_path, names):
            short = _hash(stem(path))
            if first.setdefault(short, _hash(path)) != _hash(path):
                self._ambiguous.add(short)

    def of(self, name: str, image_id: str, index: int) -> str:
        """The member of an item's mask, the same at each call in the order of the items.

        Items of one image and one name share a member. Different images never do.
        """
        path = safe_path(name) or safe_path(image_id)
        short = stem(path)
        chosen = path if _hash(short) in self._ambiguous else short
        member = f"masks/{chosen}{self._suffix}"
        # A downloaded copy may be called `a (1).jpg` by its owner.
        while self._owners.setdefault(_hash(member), hash(image_id)) != hash(image_id):
            chosen = f"{chosen} ({index})"
            member = f"masks/{chosen}{self._suffix}"
        return member


def _hash(name: str) -> int:
    """Equal for names that are one file on macOS or Windows."""
    return hash(folded(name))


def member_by_id(image_id: str, suffix: str) -> str:
    """The member of an image's mask in an archive by ids."""
    return f"masks/{safe_path(image_id)}{suffix}"
