"""Names of image files: without their suffixes, without their folders, and still different."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from unicodedata import normalize

from roadmask.images.sniffing import SUFFIXES

_ANCHOR = re.compile(r"[^\\/:]+")
"""The names in `C:\\` and in `\\\\server\\share\\`."""


def stem(name: str) -> str:
    """The name without the suffix of an image: `a/x.1` for `a/x.1.jpg`, and for `a/x.1` itself."""
    # Without pathlib, because folders have 100,000 files and more.
    first = name.rfind("/") + 1
    dot = name.rfind(".", first + 1)
    return name[:dot] if dot > 0 and name[dot:].lower() in SUFFIXES else name


def folded(name: str) -> str:
    """Equal for names that are one file on macOS or Windows.

    They differ by case, or by how a letter and its accent are written.
    """
    return normalize("NFC", name).casefold()


def unique_stems(names: Sequence[str]) -> dict[str, str]:
    """The stem of each of these different names; no two are one file if their names are not.

    Names with one stem (`x.jpg`, `X.tif`) are kept whole. So is a name whose stem is another of the
    names (`x.jpg.png` beside `x.jpg`). Names that differ by case alone (`x.jpg`, `X.jpg`) are one
    file where their stems are.
    """
    stems = {name: stem(name) for name in names}
    exact, taken = Counter(stems.values()), set(map(folded, names))
    counts = Counter(folded(stem(name)) for name in {folded(name): name for name in names}.values())

    def is_unique(short: str) -> bool:
        return exact[short] == counts[folded(short)] == 1 and folded(short) not in taken

    return {name: short if is_unique(short) else name for name, short in stems.items()}


def below_common_folder(paths: Sequence[PurePath]) -> list[str]:
    """Each absolute path below the deepest folder that all are in: `a/x.jpg`.

    On several drives of Windows, each drive is a folder: `C/a/x.jpg`.
    """
    for folder in paths[0].parents if paths else ():
        if all(path.is_relative_to(folder) for path in paths):
            return [path.relative_to(folder).as_posix() for path in paths]
    return ["/".join([*_ANCHOR.findall(path.anchor), *path.parts[1:]]) for path in paths]
