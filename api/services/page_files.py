"""The files of the page, in memory and compressed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path

from roadmask.hashing import sha256_of

COMPRESSED_TYPES = frozenset({"text/css", "text/html", "text/javascript", "image/svg+xml"})


@dataclass(frozen=True)
class PageFile:
    """One file of the page."""

    data: bytes
    media_type: str

    @cached_property
    def etag(self) -> str:
        """The entity tag, in quotes."""
        return f'"{sha256_of(self.data)[:32]}"'

    @cached_property
    def compressed(self) -> bytes | None:
        """The bytes in gzip; None if the file format is compressed already."""
        if self.media_type not in COMPRESSED_TYPES:
            return None
        return gzip.compress(self.data, mtime=0)


class PageFiles:
    """All files below a folder by their paths, read once.

    A first view of the page requests over 100 of them. `version` is a hash of all files: a browser
    may cache a file under a path with this version for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): PageFile(path.read_bytes(), _media_type(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        state = "".join(f"{path}\n{file.etag}\n" for path, file in self._files.items())
        self.version = sha256_of(state.encode())[:16]

    def modules(self) -> list[str]:
        """Paths of all JavaScript modules."""
        return [path for path in self._files if path.endswith(".js")]

    def find(self, path: str) -> tuple[PageFile, bool] | None:
        """The file of a path, and whether the path contains this version; None for no such file.

        A path without a version, or with another version, also leads to the current file.
        """
        version, _, rest = path.partition("/")
        file = self._files.get(path) or self._files.get(rest)
        return None if file is None else (file, version == self.version)


def _media_type(path: Path) -> str:
    # Fixed, because the machine's table may differ, and browsers run modules of no other type.
    known = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    return known.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
