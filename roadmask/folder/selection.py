"""Selection: which images of a folder a run takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath

from roadmask.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of names, and a number.

    A pattern (`*`, `?`, `[…]`) matches a path below the folder, a file name, or a folder with all
    that is in it.
    """

    include: tuple[str, ...] = ()
    """Empty for all images."""
    exclude: tuple[str, ...] = ()
    limit: int | None = None
    """Number of images, the first in the order of their names."""

    def check(self, names: Sequence[str]) -> None:
        """Raise `InvalidRequest` if the patterns leave none of these names."""
        if names and not self.of(names):
            raise InvalidRequest(
                f"None of the {len(names):,} images is left by --include and --exclude. A pattern "
                "matches a path below the folder, a file name or a folder."
            )

    def of(self, names: Sequence[str]) -> list[str]:
        """The selected names, in their order."""
        wanted = (
            name
            for name in names
            if (not self.include or _matches(name, self.include))
            and not _matches(name, self.exclude)
        )
        return list(islice(wanted, self.limit))

    def excludes(self, folder: str) -> bool:
        """Whether all that is in a folder is left out."""
        return _matches(f"{folder}/", self.exclude)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(
        fnmatchcase(name, pattern)
        or fnmatchcase(PurePosixPath(name).name, pattern)
        or fnmatchcase(name, f"{pattern.rstrip('/')}/*")
        for pattern in patterns
    )
