"""An object store in a local folder, for one machine, with nothing else to install.

An object is a file with its key as path. Its content type follows from the suffix of the key. Any
other type is in a file `<name>~type` beside the object. No key has a `~`, so the store's own files
never look like objects.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from stat import S_ISREG
from urllib.parse import quote, urlencode

from roadmask.atomic import replacing
from roadmask.errors import LinkExpired, ObjectNotFound, StoreUnavailable
from roadmask.schemas.media_types import JSON, JSONL, OCTET_STREAM
from storage.objects.keys import API_KEYS, KEY_SEGMENT, PREFIXES, check_key, check_prefix
from storage.objects.store import BLOCK, ObjectInfo
from storage.telemetry.metrics import STORE_ERRORS

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".json": JSON,
    ".jsonl": JSONL,
    ".png": "image/png",
}
_MEDIA_TYPE = re.compile(rb"[\w!#$&.+^-]+/[\w!#$&.+^-]+")
PROBE_BYTES = 16 * 1024
"""Bytes that a check writes to each folder, because an empty file fits on a full disk."""
ABANDONED_S = 3600
"""Age after which an unfinished upload belongs to a dead process, seconds."""

ATTEMPTS = 3
"""Retries of a write whose folder a concurrent deletion removes."""


class LocalStore:
    """Objects as files under `root`. URLs lead to the API at `public_url`, signed with `secret`."""

    def __init__(self, root: Path, public_url: str, secret: str) -> None:
        self._root = root.resolve()
        self._incoming = self._root / "~incoming"
        self._public_url = public_url.rstrip("/")
        self._secret = secret.encode()

    @property
    def concurrency(self) -> int:
        return 1

    def put(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        """Store bytes under a key. Readers see the whole file or none.

        Without `durable` the file is not synced: a power cut soon after may leave it damaged.
        """
        self._put(key, content_type, lambda path: path.write_bytes(data), synced=durable)

    def put_file(
        self, key: str, path: Path, content_type: str, *, handed_over: bool = False
    ) -> None:
        """Store a file: as a hard link if it is `handed_over` and on the same disk, else copied."""
        fill = _link if handed_over else shutil.copyfile
        self._put(key, content_type, lambda draft: fill(path, draft))

    def get(self, key: str) -> bytes:
        with self._found(key):
            return self._path(key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        """Return the object in blocks of `BLOCK` bytes."""
        blocks = self._blocks(key)
        next(blocks)
        return blocks

    def info(self, key: str) -> ObjectInfo:
        with self._found(key):
            path = self._path(key)
            facts = path.stat()
            if not S_ISREG(facts.st_mode):
                raise FileNotFoundError
            modified = datetime.fromtimestamp(facts.st_mtime, UTC)
            return ObjectInfo(key, facts.st_size, modified, _content_type(path))

    def exists(self, key: str) -> bool:
        with suppress(ObjectNotFound), self._found(key):
            if self._path(key).is_file():
                return True
            raise FileNotFoundError
        return False

    def delete(self, key: str) -> None:
        self._check_root()
        path = self._path(key)
        with _usable():
            if path.is_file():
                path.unlink(missing_ok=True)
                _sidecar(path).unlink(missing_ok=True)
                # Listings would visit empty folders for ever. Folders at the top may be mounts.
                with suppress(OSError):  # the folder is not empty
                    for folder in list(Path(key).parents)[:-2]:
                        (self._root / folder).rmdir()

    def keys(self, prefix: str) -> Iterator[str]:
        """Iterate over the keys with `prefix`, in order, one folder in memory at once.

        The error of an unreadable folder is raised after the keys of all other folders.
        """
        folder, _, start = check_prefix(prefix).rpartition("/")
        self._check_root()
        refused: list[StoreUnavailable] = []
        yield from self._walk(f"{folder}/" if folder else "", start, refused)
        if refused:
            raise refused[0]

    def url(self, key: str, ttl: timedelta) -> str:
        """Sign a URL of the API's `/v1/objects/{key}`; `StoreUnavailable` without a secret."""
        expires = int(time.time() + ttl.total_seconds())
        query = {"expires": expires, "signature": self._signature(check_key(key), expires)}
        return f"{self._public_url}/v1/objects/{quote(key)}?{urlencode(query)}"

    def verify(self, key: str, expires: int, signature: str) -> None:
        """Check a signature that `url` made. Raises `LinkExpired` for a wrong or an old one."""
        expected = self._signature(key, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise LinkExpired("The link was changed, or is of another service. Ask for a new one.")
        if time.time() >= expires:
            raise LinkExpired("The link is too old. Ask for a new one.")

    def check(self) -> None:
        """Make the folder, write to it, and delete unfinished uploads of dead processes.

        Each folder of the store gets a probe file, because it may be a damaged mount of its own.
        """
        with _usable():
            self._incoming.mkdir(parents=True, exist_ok=True)
            # Without the folder of API keys, which the operator writes, perhaps as another user.
            written = (self._root / prefix for prefix in PREFIXES if prefix != API_KEYS)
            folders = [path for path in written if path.exists()]
            for folder in (self._root, self._incoming, *folders):
                self._probe(folder)
            for path in self._incoming.iterdir():
                # Another process may check the folder or finish its upload at this moment.
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - ABANDONED_S:
                        path.unlink()

    def _probe(self, folder: Path) -> None:
        # All processes use one name, so that the next check removes the file of a killed process.
        probe = folder / "~probe"
        name = "" if folder == self._root else f" {folder.name}/"
        try:
            with probe.open("wb") as file:
                file.write(os.urandom(PROBE_BYTES))
                file.flush()
                if folder == self._incoming:
                    os.fsync(file.fileno())
            # Another process may check the folder at this moment.
            probe.unlink(missing_ok=True)
        except OSError as error:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
            raise StoreUnavailable(
                f"The object store's folder{name} cannot be written: {error.strerror}. "
                "Check its disk and its permissions."
            ) from error

    def _put(
        self, key: str, content_type: str, fill: Callable[[Path], object], *, synced: bool = True
    ) -> None:
        self._check_root()
        path = self._path(key)
        with _usable():
            sidecar = _sidecar(path)
            if content_type != _guess(path):
                # Not synced: if a power cut loses it, the object only has no known type.
                self._appear(sidecar, lambda new: new.write_text(content_type), synced=False)
                self._appear(path, fill, synced)
            else:
                self._appear(path, fill, synced)
                sidecar.unlink(missing_ok=True)

    def _appear(self, path: Path, fill: Callable[[Path], object], synced: bool = True) -> None:
        for _ in range(ATTEMPTS):
            # A concurrent deletion may remove the folder between its creation and the write.
            with suppress(FileNotFoundError, FileExistsError):
                return self._replace(path, fill, synced)
        self._replace(path, fill, synced)

    def _replace(self, path: Path, fill: Callable[[Path], object], synced: bool) -> None:
        with replacing(path, fsync=synced, drafts=self._incoming) as draft:
            fill(draft)

    def _blocks(self, key: str) -> Iterator[bytes]:
        with self._found(key), self._path(key).open("rb") as file:
            # `stream` reads this first block: the file is open, so the object exists.
            yield b""
            while block := file.read(BLOCK):
                yield block

    def _walk(self, folder: str, start: str, refused: list[StoreUnavailable]) -> Iterator[str]:
        try:
            with self._found(folder):
                names = sorted(_names(self._path(folder.rstrip("/")) if folder else self._root))
        except ObjectNotFound:
            return
        except StoreUnavailable as error:
            refused.append(error)
            return
        for name in names:
            if not name.startswith(start):
                continue
            if name.endswith("/"):
                yield from self._walk(folder + name, "", refused)
            else:
                yield folder + name

    def _path(self, key: str) -> Path:
        path = self._root / check_key(key)
        # A symbolic link must not lead out of the folder. Few folders have links, and `realpath`
        # takes several times as long as this check.
        steps = accumulate(key.split("/"), lambda folder, name: f"{folder}/{name}")
        has_link = any(os.path.islink(f"{self._root}/{step}") for step in steps)
        if has_link and not os.path.realpath(path).startswith(f"{self._root}{os.sep}"):
            raise ObjectNotFound(f"{key!r} leads out of the object store's folder.")
        return path

    @contextmanager
    def _found(self, key: str) -> Iterator[None]:
        with _usable():
            try:
                yield
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                # The disk may have been unmounted since the path was made.
                self._check_root()
                raise ObjectNotFound(f"There is no object {key!r}.") from error

    def _check_root(self) -> None:
        """Raise `StoreUnavailable` without the folder: an unmounted disk is not an empty store."""
        if not self._root.is_dir():
            raise StoreUnavailable("The object store's folder is gone. Mount its disk, or make it.")

    def _signature(self, key: str, expires: int) -> str:
        if not self._secret:
            raise StoreUnavailable(
                "Links cannot be signed: this process has no secret. Set ROADMASK_SECRET to the "
                "same random text in every process of the service."
            )
        # The third member keeps links of earlier versions valid.
        signed = json.dumps([key, expires, None]).encode()
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()


def _link(path: Path, draft: Path) -> None:
    """Make the draft a hard link to the file, or a copy if that is not possible."""
    try:
        os.link(path, draft)
    except OSError:
        shutil.copyfile(path, draft)


def _names(folder: Path) -> Iterator[str]:
    """Names in a folder. Names of folders end with a slash, so that they sort like whole keys.

    Names that are not valid in keys are left out, such as the store's own files, `lost+found` and
    `@eaDir`. So are pipes and devices, because reading them could block for ever.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if not KEY_SEGMENT.fullmatch(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif entry.is_file(follow_symlinks=False):
                yield entry.name


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}~type")


def _guess(path: Path) -> str:
    return CONTENT_TYPES.get(path.suffix, OCTET_STREAM)


def _content_type(path: Path) -> str:
    try:
        stored = _sidecar(path).read_bytes()
    except FileNotFoundError:
        return _guess(path)
    # The content becomes an HTTP header, and a power cut may have damaged it.
    return stored.decode() if _MEDIA_TYPE.fullmatch(stored) else _guess(path)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        STORE_ERRORS.labels(errno.errorcode.get(error.errno or 0, "OSError")).inc()
        raise StoreUnavailable(
            f"The object store's folder cannot be used: {error.strerror}. "
            "Check its disk and its permissions."
        ) from error
