"""Census: which labels the masks of a folder have, and in how many pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Literal

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation

Kind = Literal["ids", "colors", "palette"]
THREADS = 4
MOST = 4096
"""Different labels of a mask; a picture has more."""


@dataclass(frozen=True, slots=True)
class MaskCensus:
    """The labels of one mask file, with their pixels."""

    path: Path
    kind: Kind
    ids: dict[int, int]
    colors: dict[int, int]


@dataclass(slots=True)
class Census:
    """The labels of several masks of one kind, with their pixels."""

    masks: int = 0
    first: Path | None = None
    ids: Counter[int] = field(default_factory=Counter)
    colors: Counter[int] = field(default_factory=Counter)

    def add(self, mask: MaskCensus) -> None:
        self.masks += 1
        self.first = self.first or mask.path
        self.ids.update(mask.ids)
        self.colors.update(mask.colors)


def take_census(paths: Sequence[Path]) -> dict[Kind, Census]:
    """The labels of all these masks, by their kind. A file is read again only if it changed.

    Files that are no masks are left out: each fails alone when it is read.
    """
    with ThreadPool(THREADS) as pool:
        results = pool.map(_census, paths, chunksize=8)
    found: dict[Kind, Census] = {}
    for result in results:
        if isinstance(result, MaskCensus):
            found.setdefault(result.kind, Census()).add(result)
    return found


def _census(path: Path) -> MaskCensus | InvalidRequest:
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except InvalidRequest as error:
        return error
    except OSError as error:
        return InvalidRequest(f"{path} cannot be read: {error.strerror}.")


@lru_cache(maxsize=2**17)
def _read(path: Path, modified_ns: int, size: int) -> MaskCensus:
    return census_of(Annotation.read(path), path)


def census_of(annotation: Annotation, path: Path) -> MaskCensus:
    """The labels of one mask; `path` is for errors. Raises `InvalidRequest` for a picture."""
    ids, colors = annotation.id_counts, annotation.color_counts
    if max(len(ids), len(colors)) > MOST:
        raise InvalidRequest(
            f"{path} has {max(len(ids), len(colors)):,} different colours or values: it is a "
            "picture, or a mask that was scaled or compressed with loss. Export the masks again "
            "without loss."
        )
    if not colors:
        return MaskCensus(path, "ids", ids, {})
    return MaskCensus(path, "palette" if annotation.has_palette else "colors", ids, colors)
