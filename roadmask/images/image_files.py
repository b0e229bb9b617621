"""Image files below a folder, and what lies beside them and is not read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from roadmask.images.sniffing import SUFFIXES

UNSUPPORTED_SUFFIXES = frozenset(
    {
        ".arw",
        ".cr2",
        ".cr3",
        ".dng",
        ".gif",
        ".jp2",
        ".jxl",
        ".nef",
        ".orf",
        ".raf",
        ".rw2",
    }
)
"""Suffixes of photos in formats that are not supported."""
EXAMPLES = 3
"""Names in a message."""


@dataclass(slots=True)
class Skipped:
    """What lies below a folder and is not read."""

    unsupported: list[Path] = field(default_factory=list)
    """Photos in other formats."""
    hidden: list[Path] = field(default_factory=list)
    """Images whose name, or the name of whose folder, begins with a dot."""
    links: list[Path] = field(default_factory=list)
    """Links to folders, and links that lead nowhere."""

    def messages(self, folder: Path) -> list[str]:
        """A sentence for each kind that there is, with examples."""
        kinds = ", ".join(sorted({path.suffix.lower() for path in self.unsupported}))
        texts = (
            (self.unsupported, f"photos ({kinds}). Convert them to JPEG or PNG"),
            (self.hidden, "hidden images, whose names begin with a dot"),
            (self.links, "links to folders or to nothing. Name the folders themselves"),
        )
        return [
            f"Skipped {len(paths)} {text}: {examples(paths, folder)}."
            for paths, text in texts
            if paths
        ]


def find_image_names(folder: Path) -> list[str]:
    """The paths below a folder of its image files by suffix, relative to it, with `/`, in order.

    Without hidden files and folders. A link to a folder is not followed.
    """
    found: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = parent[len(str(folder)) :].replace(os.sep, "/").strip("/")
        names = (name for name in files if not name.startswith("."))
        found += (
            f"{place}/{name}" if place else name
            for name in names
            if _suffix(name) in SUFFIXES and os.path.isfile(os.path.join(parent, name))
        )
    return sorted(found, key=lambda name: name.split("/"))


def find_images(folder: Path) -> list[Path]:
    """The paths of the same files."""
    return [folder / name for name in find_image_names(folder)]


def find_skipped(folder: Path) -> Skipped:
    """What lies below a folder and is not read."""
    skipped = Skipped()
    for path in sorted(_entries(folder)):
        suffix = path.suffix.lower()
        if path.is_symlink() and (path.is_dir() or (suffix in SUFFIXES and not path.exists())):
            skipped.links.append(path)
        elif suffix not in SUFFIXES | UNSUPPORTED_SUFFIXES or not path.is_file():
            continue
        elif _is_hidden(path, folder):
            # macOS writes such a file beside each photo on a foreign disk.
            if not path.name.startswith("._"):
                skipped.hidden.append(path)
        elif suffix in UNSUPPORTED_SUFFIXES:
            skipped.unsupported.append(path)
    return skipped


def no_images(folder: Path) -> str:
    """The error message for a folder in which `find_images` finds nothing."""
    message = f"{folder} contains no images ({', '.join(sorted(SUFFIXES))})."
    return " ".join([message, *find_skipped(folder).messages(folder)])


def examples(paths: Iterable[Path], folder: Path) -> str:
    """Some of the paths, relative to the folder, and how many more there are."""
    names = [Path(os.path.relpath(path, folder)).as_posix() for path in paths]
    more = f" and {len(names) - EXAMPLES:,} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _entries(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
