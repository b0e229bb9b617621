"""The object store in a local folder: for one machine, with nothing else to install.

An object is a file under its key. Its content type is what the key's suffix says; where it is
something else, a file `<name>~type` beside it says so. No key has a `~`, so that nothing of the
store's own is ever taken for an object.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode
from uuid import uuid4

from roadmask.errors import LinkExpired, ObjectNotFound, StoreUnavailable
from storage.objects import BLOCK, ObjectInfo, check_key, check_prefix

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".png": "image/png",
}
OTHER = "application/octet-stream"
ABANDONED_S = 3600
"""Age at which an unfinished upload is taken for that of a dead process, seconds."""


class LocalStore:
    """Objects as files under `root`; URLs lead to the API at `public_url`, signed with `secret`."""

    def __init__(self, root: Path, public_url: str, secret: str) -> None:
        self._root = root.resolve()
        self._incoming = self._root / "~incoming"
        self._public_url = public_url.rstrip("/")
        self._secret = secret.encode()

    def put(self, key: str, data: bytes, content_type: str, *, spare: bool = False) -> None:
        """Store bytes under a key; the file appears whole or not at all.

        A `spare` one is not waited for: a power cut soon after may leave it damaged.
        """
        self._put(key, content_type, lambda path: path.write_bytes(data), synced=not spare)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a copy of a file, made by the kernel where it can."""
        self._put(key, content_type, lambda copy: shutil.copyfile(path, copy))

    def get(self, key: str) -> bytes:
        """The whole object."""
        with self._found(key):
            return self._path(key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        """The object in blocks of `BLOCK` bytes."""
        blocks = self._blocks(key)
        next(blocks)
        return blocks

    def info(self, key: str) -> ObjectInfo:
        """Facts about the object."""
        with self._found(key):
            path = self._path(key)
            facts = path.stat()
            if not path.is_file():
                raise FileNotFoundError
            modified = datetime.fromtimestamp(facts.st_mtime, UTC)
            return ObjectInfo(key, facts.st_size, modified, _content_type(path))

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        with suppress(ObjectNotFound), self._found(key):
            if self._path(key).is_file():
                return True
            raise FileNotFoundError
        return False

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        path = self._path(key)
        with _usable():
            if path.is_file():
                path.unlink(missing_ok=True)
                _sidecar(path).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with `prefix`, in order; one folder's names are in memory at once."""
        folder, _, start = check_prefix(prefix).rpartition("/")
        self._check_root()
        yield from self._walk(f"{folder}/" if folder else "", start)

    def url(self, key: str, ttl: timedelta, *, filename: str | None = None) -> str:
        """A signed URL of the API's `/v1/objects/{key}`; `StoreUnavailable` without a secret."""
        expires = int(time.time() + ttl.total_seconds())
        query = {"expires": str(expires)} | ({"filename": filename} if filename else {})
        query["signature"] = self._signature(check_key(key), expires, filename)
        return f"{self._public_url}/v1/objects/{quote(key)}?{urlencode(query)}"

    def verify(self, key: str, expires: int, filename: str | None, signature: str) -> None:
        """Let only what `url` signed pass, and in time. Raises `LinkExpired`."""
        expected = self._signature(key, expires, filename)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise LinkExpired("The link was changed, or is of another service. Ask for a new one.")
        if time.time() >= expires:
            raise LinkExpired("The link is too old. Ask for a new one.")

    def check(self) -> None:
        """Make the folder, try it, and clear away what dead processes left unfinished."""
        with _usable():
            self._incoming.mkdir(parents=True, exist_ok=True)
            probe = self._incoming / uuid4().hex
            probe.touch()
            probe.unlink()
            for path in self._incoming.iterdir():
                # Another process may be trying the folder at this moment, or finish its upload.
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - ABANDONED_S:
                        path.unlink()

    def _put(
        self, key: str, content_type: str, fill: Callable[[Path], object], *, synced: bool = True
    ) -> None:
        path = self._path(key)
        with _usable():
            path.parent.mkdir(parents=True, exist_ok=True)
            sidecar = _sidecar(path)
            if content_type != _guess(path):
                # Without it, after a power cut, the object is merely of no known type.
                self._appear(sidecar, lambda new: new.write_text(content_type), synced=False)
                self._appear(path, fill, synced)
            else:
                self._appear(path, fill, synced)
                sidecar.unlink(missing_ok=True)

    def _appear(self, path: Path, fill: Callable[[Path], object], synced: bool = True) -> None:
        self._incoming.mkdir(parents=True, exist_ok=True)
        new = self._incoming / uuid4().hex
        try:
            fill(new)
            if synced:
                # Without this a power cut could leave the name with none of the bytes.
                with new.open("rb") as file:
                    os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def _blocks(self, key: str) -> Iterator[bytes]:
        with self._found(key), self._path(key).open("rb") as file:
            # Taken by `stream`: from here on the file is open, so the key was not missing.
            yield b""
            while block := file.read(BLOCK):
                yield block

    def _walk(self, folder: str, start: str) -> Iterator[str]:
        try:
            with self._found(folder):
                names = sorted(_names(self._path(folder.rstrip("/")) if folder else self._root))
        except ObjectNotFound:
            return
        for name in names:
            if not name.startswith(start):
                continue
            if name.endswith("/"):
                yield from self._walk(folder + name, "")
            else:
                yield folder + name

    def _path(self, key: str) -> Path:
        self._check_root()
        path = self._root / check_key(key)
        # A link inside the folder must not make the store read or write outside of it.
        if not os.path.realpath(path).startswith(f"{self._root}{os.sep}"):
            raise ObjectNotFound(f"{key!r} leads out of the object store's folder.")
        return path

    @contextmanager
    def _found(self, key: str) -> Iterator[None]:
        with _usable():
            try:
                yield
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                # The disk may have gone since the path was made.
                self._check_root()
                raise ObjectNotFound(f"There is no object {key!r}.") from error

    def _check_root(self) -> None:
        """A disk that is not mounted must not look like objects that were never there."""
        if not self._root.is_dir():
            raise StoreUnavailable("The object store's folder is gone. Mount its disk, or make it.")

    def _signature(self, key: str, expires: int, filename: str | None) -> str:
        if not self._secret:
            raise StoreUnavailable(
                "Links cannot be signed: this process has no secret. Set ROADMASK_SECRET to the "
                "same random text in every process of the service."
            )
        signed = json.dumps([key, expires, filename or None]).encode()
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()


def _names(folder: Path) -> Iterator[str]:
    """Names in a folder, those of folders with a slash: so they sort as whole keys do."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if "~" in entry.name or entry.is_symlink():
                continue
            yield f"{entry.name}/" if entry.is_dir() else entry.name


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}~type")


def _guess(path: Path) -> str:
    return CONTENT_TYPES.get(path.suffix, OTHER)


def _content_type(path: Path) -> str:
    try:
        return _sidecar(path).read_text()
    except FileNotFoundError:
        return _guess(path)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"The object store's folder cannot be used: {error.strerror}. "
            "Check its disk and its permissions."
        ) from error
