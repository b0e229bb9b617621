"""What a folder run remembers beside its masks, so that the next run does only what is left.

One SQLite file: the sha256 of each file (valid while size and time of change stay), the outcome
of each file, and the lots that were handed in and not yet collected. Every change is on disk
before the run goes on, so the run may be killed at any moment.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from roadmask.image_calls import digest

TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT
);
CREATE TABLE IF NOT EXISTS outcomes (
    path BLOB PRIMARY KEY, sha256 TEXT, setting TEXT, size INTEGER, changed INTEGER, line TEXT
);
CREATE TABLE IF NOT EXISTS lots (key TEXT PRIMARY KEY, model TEXT, files TEXT);
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells, without reading it, that a file is still the same."""

    size: int
    changed: int
    """Time of the last change, nanoseconds."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """The state of a file. Raises `OSError`."""
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns)


class Ledger:
    """The memory of one output folder. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def sha256(self, name: str, path: Path) -> str:
        """The sha256 of a file, read only when it changed since last time. Raises `OSError`."""
        state, key = FileState.of(path), os.fsencode(name)
        rows = self._rows("SELECT size, changed, sha256 FROM files WHERE path = ?", key)
        if rows and FileState(*rows[0][:2]) == state:
            return str(rows[0][2])
        sha256 = digest(path)
        self._write("REPLACE INTO files VALUES (?, ?, ?, ?)", key, *_pair(state), sha256)
        return sha256

    def finished(self, name: str, sha256: str, setting: str, mask: Path) -> dict[str, Any] | None:
        """The outcome of these bytes under this setting, when its mask is still in place."""
        query = (
            "SELECT size, changed, line FROM outcomes WHERE path = ? AND sha256 = ? "
            "AND setting = ? AND size IS NOT NULL"
        )
        rows = self._rows(query, os.fsencode(name), sha256, setting)
        try:
            same = bool(rows) and FileState.of(mask) == FileState(*rows[0][:2])
        except OSError:
            return None
        return json.loads(rows[0][2]) if same else None

    def record(
        self, name: str, sha256: str, setting: str, mask: Path | None, line: dict[str, Any]
    ) -> None:
        """Remember a file's outcome; `mask` is the file that was written, None for a failure."""
        state = _pair(FileState.of(mask)) if mask else (None, None)
        values = (os.fsencode(name), sha256, setting, *state, json.dumps(line))
        self._write("REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", *values)

    def lines(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The outcomes of these files, in their order; files without one are left out."""
        for name in names:
            query = "SELECT line FROM outcomes WHERE path = ?"
            for (line,) in self._rows(query, os.fsencode(name)):
                yield json.loads(line)

    def open_lot(self, wish: str, files: dict[str, str]) -> str:
        """Remember that these files (name to sha256) are about to be handed in; the lot's key.

        `wish` is all that their job is asked for beside them. The key is the job's idempotency key:
        with it the job is found again."""
        key = uuid.uuid4().hex
        self._write("INSERT INTO lots VALUES (?, ?, ?)", key, wish, json.dumps(files))
        return key

    def open_lots(self, wish: str) -> dict[str, dict[str, str]]:
        """Lots that were handed in with this wish and not closed, by key, the oldest first."""
        rows = self._rows("SELECT key, files FROM lots WHERE model = ? ORDER BY rowid", wish)
        return {key: json.loads(files) for key, files in rows}

    def close_lot(self, key: str) -> None:
        """Forget a lot: all of it was collected, or it is void."""
        self._write("DELETE FROM lots WHERE key = ?", key)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is written inside the `with` is on disk at its end, all of it or nothing."""
        with self._lock, self._db:
            self._db.execute("BEGIN")
            yield

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def _write(self, statement: str, *values: Any) -> None:
        with self._lock:
            self._db.execute(statement, values)


def _pair(state: FileState) -> tuple[int, int]:
    return state.size, state.changed
