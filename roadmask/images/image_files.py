"""Image files below a folder, and what lies beside them and is not read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from roadmask.images.containers.other_formats import UNSUPPORTED_SUFFIXES
from roadmask.images.sniffing import SUFFIXES

GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Errors of what was deleted meanwhile, and of links that lead nowhere."""
SYSTEM_FOLDERS = frozenset({"lost+found", "System Volume Information", "$RECYCLE.BIN"})
"""Folders at the root of disks that only the system lists; nobody puts photos there."""
PHOTO_SUFFIXES = SUFFIXES | UNSUPPORTED_SUFFIXES
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
    unreadable: dict[Path, str] = field(default_factory=dict)
    """Folders that cannot be listed, each with the cause."""

    def messages(self, folder: Path) -> list[str]:
        """A sentence for each kind that there is, with examples."""
        kinds = ", ".join(sorted({path.suffix.lower() for path in self.unsupported}))
        causes = ", ".join(sorted(set(self.unreadable.values())))
        texts = (
            (self.unsupported, f"photos ({kinds}). Convert them to JPEG or PNG"),
            (self.hidden, "hidden images, whose names begin with a dot"),
            (self.links, "links to folders or to nothing. Name the folders themselves"),
            (self.unreadable, f"folders that cannot be listed ({causes}). Make them readable"),
        )
        return [
            f"Skipped {len(paths)} {text}: {examples(paths, folder)}."
            for paths, text in texts
            if paths
        ]


@dataclass(slots=True)
class FoundImages:
    """The image files below a folder, and where there may be more."""

    names: list[str]
    """Their paths relative to the folder, with `/`, in order."""
    unreadable: dict[str, str]
    """Folders that cannot be listed, each with the cause; `.` is the folder itself."""


def list_images(folder: Path) -> FoundImages:
    """The image files below a folder by suffix, without hidden files and folders.

    A link to a folder is not followed.
    """
    found: list[str] = []
    unreadable: dict[Path, str] = {}
    for parent, folders, files in _walk(folder, unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = parent[len(str(folder)) :].replace(os.sep, "/").strip("/")
        names = (name for name in files if not name.startswith("."))
        found += (
            f"{place}/{name}" if place else name
            for name in names
            if _suffix(name) in SUFFIXES and _is_file(os.path.join(parent, name))
        )
    places = {path.relative_to(folder).as_posix(): unreadable[path] for path in unreadable}
    return FoundImages(sorted(found, key=lambda name: name.split("/")), places)


def find_images(folder: Path) -> list[Path]:
    """The paths of the same files."""
    return [folder / name for name in list_images(folder).names]


def find_skipped(folder: Path) -> Skipped:
    """What lies below a folder and is not read."""
    skipped = Skipped()
    unreadable: dict[Path, str] = {}
    for path in sorted(_entries(folder, unreadable)):
        suffix = path.suffix.lower()
        is_file = _is_file(path)
        if os.path.islink(path) and (os.path.isdir(path) or (suffix in SUFFIXES and not is_file)):
            skipped.links.append(path)
        elif suffix not in PHOTO_SUFFIXES or not is_file:
            continue
        elif _is_hidden(path, folder):
            # macOS writes such a file beside each photo on a foreign disk.
            if not path.name.startswith("._"):
                skipped.hidden.append(path)
        elif suffix in UNSUPPORTED_SUFFIXES:
            skipped.unsupported.append(path)
    # A hidden folder is not read anyway: many disks have one for deleted files.
    skipped.unreadable = {
        path: unreadable[path] for path in sorted(unreadable) if not _is_hidden(path, folder)
    }
    return skipped


def no_images(folder: Path) -> str:
    """The error message for a folder in which `find_images` finds nothing."""
    skipped = find_skipped(folder)
    if cause := skipped.unreadable.get(folder):
        return f"{folder} cannot be listed: {cause}. Make it readable."
    message = f"{folder} contains no images ({', '.join(sorted(SUFFIXES))})."
    return " ".join([message, *skipped.messages(folder)])


def examples(paths: Iterable[Path], folder: Path) -> str:
    """Some of the paths, relative to the folder, and how many more there are."""
    names = [Path(os.path.relpath(path, folder)).as_posix() for path in paths]
    more = f" and {len(names) - EXAMPLES:,} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _entries(folder: Path, unreadable: dict[Path, str]) -> Iterator[Path]:
    for parent, folders, files in _walk(folder, unreadable):
        yield from (Path(parent, name) for name in (*folders, *files))


def _walk(folder: Path, unreadable: dict[Path, str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`; folders that cannot be listed go to `unreadable`, with the cause."""

    def note(error: OSError) -> None:
        if error.errno not in GONE and Path(error.filename).name not in SYSTEM_FOLDERS:
            unreadable[Path(error.filename)] = error.strerror or str(error)

    return os.walk(folder, onerror=note)


def _is_file(path: str | Path) -> bool:
    """Whether it is a file, or one that cannot be looked at: whoever reads it learns the cause."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        return error.errno not in GONE


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
