"""Readers: the API keys that may read a job or a dataset of another key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Readers:
    """The API keys that may read a job or a dataset, besides its owner and admin keys."""

    everyone: bool = False
    keys: tuple[str, ...] = ()
    """Ids of keys, sorted."""

    @classmethod
    def of(cls, everyone: bool, keys: Iterable[str]) -> Readers:
        """Make readers of these keys, sorted and without duplicates."""
        return cls(everyone, tuple(sorted(set(keys))))

    @classmethod
    def parse(cls, text: str) -> Readers:
        """Parse the text that `str` returns."""
        words = text.split()
        return cls.of(EVERYONE in words, (word for word in words if word != EVERYONE))

    def __str__(self) -> str:
        return " ".join((EVERYONE,) * self.everyone + self.keys)

    def include(self, owner: str | None) -> bool:
        """Whether the key with this id is a reader."""
        return self.everyone or owner in self.keys
