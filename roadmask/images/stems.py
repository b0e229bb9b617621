"""Stems: the names of image files without their suffixes, as long as they stay different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from roadmask.images.sniffing import SUFFIXES


def stem(name: str) -> str:
    """The name without the suffix of an image: `a/x.1` for `a/x.1.jpg`, and for `a/x.1` itself."""
    # Without pathlib, because folders have 100,000 files and more.
    first = name.rfind("/") + 1
    dot = name.rfind(".", first + 1)
    return name[:dot] if dot > 0 and name[dot:].lower() in SUFFIXES else name


def unique_stems(names: Sequence[str]) -> dict[str, str]:
    """The stem of each of these different names; no two are equal.

    Names with one stem (`x.jpg`, `x.tif`) are kept whole. So is a name whose stem is another of the
    names (`x.jpg.png` beside `x.jpg`).
    """
    counts, taken = Counter(map(stem, names)), set(names)

    def unique(name: str) -> str:
        short = stem(name)
        return name if counts[short] > 1 or short in taken else short

    return {name: unique(name) for name in names}
