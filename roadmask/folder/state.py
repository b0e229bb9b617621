"""The state of a folder run, kept beside its masks: the next run does only what is left.

One SQLite file holds the sha256 of each image file (valid while its size and modification time
stay the same), the result of each, and the sub-jobs that were submitted and not yet collected.
Every change is saved before the run goes on, so the run may be killed at any moment. File and
tables keep the names that they had in the first revision, which called sub-jobs `lots`.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from roadmask.errors import RecordUnreadable
from roadmask.hashing import sha256_of_file

BLOCK = 500
"""Files that are looked up with one query."""
TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT
);
CREATE TABLE IF NOT EXISTS outcomes (
    path BLOB PRIMARY KEY, sha256 TEXT, setting TEXT, size INTEGER, changed INTEGER, line TEXT
);
CREATE TABLE IF NOT EXISTS lots (key TEXT PRIMARY KEY, model TEXT, files TEXT);
"""
WRITTEN = """
CREATE TABLE written (path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, by_run INTEGER)
"""
"""The files of all masks, also of those whose images are gone or renamed. `by_run` is 1 for those
of a folder run, and 0 for those of single photos and those that a run left without a record."""


class FileState(NamedTuple):
    """Size and modification time: a file with the same state is taken to have the same bytes."""

    size: int
    changed: int
    """Time of the last modification, nanoseconds."""

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """Raises `OSError`."""
        stat = os.stat(path)
        return cls(stat.st_size, stat.st_mtime_ns)


class KnownFile(NamedTuple):
    """What is saved of an image file: its state, its sha256, and its result if it has a mask."""

    size: int
    changed: int
    sha256: str
    result_sha256: str | None
    """Of the bytes that have the result."""
    mask_size: int | None
    mask_changed: int | None
    line: str | None

    def is_unchanged(self, path: str | Path) -> bool:
        """Whether the file at `path` is as it was when it was read."""
        try:
            return FileState.of(path) == (self.size, self.changed)
        except OSError:
            return False

    def result(self, sha256: str, mask: str | Path) -> dict[str, Any] | None:
        """The line of these bytes, if the mask is still in place as it was written."""
        if self.line is None or self.result_sha256 != sha256:
            return None
        try:
            same = FileState.of(mask) == (self.mask_size, self.mask_changed)
        except OSError:
            return None
        return json.loads(self.line) if same else None


class FolderState:
    """The state of one output folder. Thread-safe."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.RLock()
        with self._usable():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def known(self, names: Sequence[str], options: str) -> dict[str, KnownFile]:
        """The saved state of up to `BLOCK` files under these options, by name."""
        places = ", ".join("?" * len(names))
        query = f"""
            SELECT f.path, f.size, f.changed, f.sha256, o.sha256, o.size, o.changed, o.line
            FROM files f LEFT JOIN outcomes o
            ON o.path = f.path AND o.setting = ? AND o.size IS NOT NULL
            WHERE f.path IN ({places})
        """
        rows = self._rows(query, options, *map(os.fsencode, names))
        return {os.fsdecode(path): KnownFile(*columns) for path, *columns in rows}

    def sha256s(
        self, names: Sequence[str], folder: Path, known: Mapping[str, KnownFile]
    ) -> dict[str, str | OSError]:
        """The sha256 of each of these files of a folder, or the error of reading it.

        Only files that differ from their saved state, `known`, are read.
        """
        found: dict[str, str | OSError] = {}
        read: list[tuple[bytes, int, int, str]] = []
        for name in names:
            path, saved = f"{folder}{os.sep}{name}", known.get(name)
            try:
                state = FileState.of(path)
                if saved and state == (saved.size, saved.changed):
                    found[name] = saved.sha256
                    continue
                found[name] = sha256 = sha256_of_file(path)
            except OSError as error:
                found[name] = error
                continue
            read.append((os.fsencode(name), *state, sha256))
        if read:
            with self.transaction():
                self._db.executemany("REPLACE INTO files VALUES (?, ?, ?, ?)", read)
        return found

    def save_result(
        self, name: str, sha256: str, options: str, mask: Path | None, line: dict[str, Any]
    ) -> None:
        """Save the result line of a file. `mask` is the written mask file; None for a failure."""
        state = FileState.of(mask) if mask else None
        values = (os.fsencode(name), sha256, options, *(state or (None, None)), json.dumps(line))
        self._write("REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", *values)
        if state:
            self.save_written(line["mask"], state, by_run=True)

    def save_written(self, name: str, state: FileState, *, by_run: bool) -> None:
        """Save the state of the file `name` of the output folder, which was just written."""
        values = (os.fsencode(name), *state, by_run)
        self._write("REPLACE INTO written VALUES (?, ?, ?, ?)", *values)

    def is_written(self, name: str, path: Path) -> bool:
        """Whether the file is unchanged since it was last written."""
        rows = self._rows("SELECT size, changed FROM written WHERE path = ?", os.fsencode(name))
        try:
            return bool(rows) and FileState.of(path) == rows[0]
        except OSError:
            return False

    def written(self) -> list[str]:
        """The names of all files that folder runs have written, in order."""
        rows = self._rows("SELECT path FROM written WHERE by_run ORDER BY path")
        return [os.fsdecode(path) for (path,) in rows]

    def recorded(self) -> set[str]:
        """The names of all files that were ever written, even if they were changed since."""
        return {os.fsdecode(path) for (path,) in self._rows("SELECT path FROM written")}

    def forget_written(self, name: str) -> None:
        """Delete the record of a file that is gone."""
        self._write("DELETE FROM written WHERE path = ?", os.fsencode(name))

    def last_format(self) -> str | None:
        """The format of the mask that was written last."""
        query = "SELECT setting FROM outcomes WHERE size IS NOT NULL ORDER BY rowid DESC LIMIT 1"
        rows = self._rows(query)
        return str(rows[0][0]).split()[1] if rows else None

    def lines(self, names: Sequence[str]) -> Iterator[str]:
        """The result lines of these files as JSON, in order, except files without a result."""
        for start in range(0, len(names), BLOCK):
            keys = [os.fsencode(name) for name in names[start : start + BLOCK]]
            places = ", ".join("?" * len(keys))
            query = f"SELECT path, line FROM outcomes WHERE path IN ({places})"
            found = dict(self._rows(query, *keys))
            yield from (found[key] for key in keys if key in found)

    def add_sub_job(self, options: str, files: dict[str, str]) -> str:
        """Save that these files (name to sha256) are about to be submitted with these options.

        Returns the key of the sub-job, which is the job's idempotency key.
        """
        key = uuid.uuid4().hex
        self._write("INSERT INTO lots VALUES (?, ?, ?)", key, options, json.dumps(files))
        return key

    def sub_jobs(self, options: str) -> dict[str, dict[str, str]]:
        """The files of open sub-jobs with these options, by key, the oldest first."""
        rows = self._rows("SELECT key, files FROM lots WHERE model = ? ORDER BY rowid", options)
        return {key: json.loads(files) for key, files in rows}

    def submitted(self) -> set[str]:
        """The files of all open sub-jobs."""
        return {
            name for (files,) in self._rows("SELECT files FROM lots") for name in json.loads(files)
        }

    def remove_sub_job(self, key: str) -> None:
        """Delete a sub-job that is complete or will not be resumed."""
        self._write("DELETE FROM lots WHERE key = ?", key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside the `with` block are saved at its end, or none."""
        with self._lock, self._usable(), self._db:
            self._db.execute("BEGIN")
            yield

    def _prepare(self) -> None:
        with self._usable():
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(TABLES)
            if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'written'"):
                self._add_written()

    def _add_written(self) -> None:
        """Add the table `written`, with the masks of runs of earlier versions."""
        with self.transaction():
            self._db.execute(WRITTEN)
            query = "SELECT line, size, changed FROM outcomes WHERE size IS NOT NULL"
            for line, *state in self._rows(query):
                mask = os.fsencode(json.loads(line)["mask"])
                self._write("REPLACE INTO written VALUES (?, ?, ?, 1)", mask, *state)

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._usable():
            return self._db.execute(query, values).fetchall()

    def _write(self, statement: str, *values: Any) -> None:
        with self._lock, self._usable():
            self._db.execute(statement, values)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Raises `OSError` with the file's name when its disk is full or fails, and
        `RecordUnreadable` when the file is damaged."""
        try:
            yield
        except sqlite3.OperationalError as error:
            full = "full" in str(error)
            number = errno.ENOSPC if full else errno.EIO
            cause = os.strerror(number) if full else str(error)
            raise OSError(number, cause, str(self._path)) from error
        except sqlite3.DatabaseError as error:
            raise RecordUnreadable(
                f"{self._path} is damaged ({error}). Delete the folder {self._path.parent} and run "
                "the same command again: it fetches all masks again."
            ) from error


def last_format(out: Path) -> str | None:
    """The format of the masks that the last run wrote into `out`; None if there was no run."""
    file = state_file(out)
    if not file.is_file():
        return None
    with closing(FolderState(file)) as state:
        return state.last_format()


def state_file(out: Path) -> Path:
    """The file of the state of an output folder."""
    return out / ".roadmask" / "ledger.sqlite"
