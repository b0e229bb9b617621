"""Readers: the keys that may read what belongs to another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read a job or a dataset, beside its owner and admin keys."""

    everyone: bool = False
    keys: tuple[str, ...] = ()
    """Ids of keys, sorted."""

    @classmethod
    def of(cls, everyone: bool, keys: Iterable[str]) -> Readers:
        """The readers with these keys, each of them once."""
        return cls(everyone, tuple(sorted(set(keys))))

    @classmethod
    def parse(cls, text: str) -> Readers:
        """Parse what `str` returns."""
        words = text.split()
        return cls.of(EVERYONE in words, (word for word in words if word != EVERYONE))

    def __str__(self) -> str:
        return " ".join((EVERYONE,) * self.everyone + self.keys)

    def include(self, owner: str | None) -> bool:
        """Whether the key with this id is one of them."""
        return self.everyone or owner in self.keys
