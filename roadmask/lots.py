"""Handing a folder in: hashing, uploading what the service lacks, submitting lot by lot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from roadmask.client import Client
from roadmask.errors import ImageUnreadable, QueueFull, RoadmaskError
from roadmask.images import uploaded_id
from roadmask.jobs import ImageRef, Job, Lane
from roadmask.ledger import Ledger
from roadmask.outcomes import FileResult, Progress
from roadmask.transport import STOPPERS

FIRST_LOT, LARGEST_LOT = 16, 1024
"""Lots double from the first, which is small so that inference begins at once. They grow faster as
long as the service has all images already: no upload is to be waited for."""
OPEN_LOTS = 2
"""One is inferred while the next is uploaded."""
FULL_PAUSE_S = 5.0
"""Seconds before a lot is offered again that the service had no room for."""
UPLOADS = 4
"""Files on their way at once."""


class Stopped(Exception):
    """The run was given up."""


@dataclass(eq=False)
class Lot:
    """Files that were handed in as one job."""

    key: str
    job: Job
    files: dict[str, str]
    """Name to sha256."""

    def __post_init__(self) -> None:
        self.left: set[str] = set(self.files)
        self._names: dict[str, list[str]] = {}
        for name, sha256 in self.files.items():
            self._names.setdefault(uploaded_id(sha256), []).append(name)

    def names(self, image_id: str) -> list[str]:
        """The files that have these bytes."""
        return self._names[image_id]


class Intake:
    """Turns the files of a folder into lots; `run` belongs in a thread of its own.

    `opened` is told each lot, `settled` each file that needs no lot: its mask is in place already
    or it cannot be handed in. `ledger` learns of a lot before the service does, so that a run
    that is killed finds the same job again by its idempotency key.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        model: str,
        confidence: bool,
        ledger: Ledger,
        kept: Callable[[str, str], FileResult | None],
        opened: Callable[[Lot], None],
        settled: Callable[[FileResult], None],
        progress: Progress,
    ) -> None:
        self._client = client
        self._folder = folder
        self._model = model
        self._confidence = confidence
        # The same key for another request would be refused.
        self._wish = f"{model} confidence" if confidence else model
        self._ledger = ledger
        self._kept = kept
        self._opened = opened
        self._settled = settled
        self._progress = progress
        self._slots = threading.Semaphore(OPEN_LOTS)
        self._stop = threading.Event()
        self._uploads = ThreadPool(UPLOADS)

    def close(self) -> None:
        """Give the run up: nothing more is handed in."""
        self._stop.set()
        self._uploads.terminate()

    def release(self) -> None:
        """One lot less is open."""
        self._slots.release()

    def run(self, names: list[str]) -> None:
        """Hand in all these files. Raises `Stopped` after `close`."""
        taken = self._resume(set(names))
        files: dict[str, str] = {}
        size = FIRST_LOT
        for name in names:
            if self._stop.is_set():
                raise Stopped
            if name in taken or (sha256 := self._hash(name)) is None:
                continue
            if result := self._kept(name, sha256):
                self._settled(result)
                continue
            files[name] = sha256
            if len(files) == size:
                before = self._progress.uploaded
                self._hand_in(files)
                growth = 2 if self._progress.uploaded > before else 8
                files, size = {}, min(growth * size, LARGEST_LOT)
        if files:
            self._hand_in(files)

    def _resume(self, names: set[str]) -> set[str]:
        """Hand in again what an earlier run did not collect; the names of those files."""
        taken: set[str] = set()
        for key, files in self._ledger.open_lots(self._wish).items():
            same = files.keys() <= names and all(
                self._hash(name) == sha256 for name, sha256 in files.items()
            )
            if not same:
                self._ledger.close_lot(key)
                continue
            self._hand_in(files, key)
            taken |= files.keys()
        return taken

    def _hash(self, name: str) -> str | None:
        try:
            return self._ledger.sha256(name, self._folder / name)
        except OSError as error:
            unreadable = ImageUnreadable(f"The file cannot be read: {error.strerror}.")
            self._settled(FileResult.of_error(name, None, unreadable))
            return None

    def _hand_in(self, files: dict[str, str], key: str | None = None) -> None:
        while not self._slots.acquire(timeout=0.2):
            if self._stop.is_set():
                raise Stopped
        accepted = self._upload(files)
        if not accepted:
            self.release()
            return
        if key is None or accepted != files:
            key = self._ledger.open_lot(self._wish, accepted)
        self._opened(Lot(key, self._submit(key, accepted), accepted))

    def _upload(self, files: dict[str, str]) -> dict[str, str]:
        """Upload what the service lacks; the files whose bytes it now has."""
        names = {sha256: name for name, sha256 in files.items()}
        missing = self._client.missing(list(names))
        refused: dict[str, RoadmaskError] = {}
        tasks = [(sha256, self._folder / names[sha256]) for sha256 in missing]
        for sha256, error in self._uploads.imap_unordered(self._put, tasks):
            if error is not None:
                refused[sha256] = error
            self._progress.uploaded += error is None
        for name, sha256 in files.items():
            if sha256 in refused:
                self._settled(FileResult.of_error(name, sha256, refused[sha256]))
        return {name: sha256 for name, sha256 in files.items() if sha256 not in refused}

    def _put(self, task: tuple[str, Path]) -> tuple[str, RoadmaskError | None]:
        sha256, path = task
        try:
            self._client.put_image(sha256, path)
        except STOPPERS:
            raise
        except RoadmaskError as error:
            return sha256, error
        except OSError as error:
            return sha256, ImageUnreadable(f"The file cannot be read: {error.strerror}.")
        return sha256, None

    def _submit(self, key: str, files: dict[str, str]) -> Job:
        first = {sha256: name for name, sha256 in reversed(files.items())}
        images = [
            ImageRef(id=uploaded_id(sha256), custom_id=custom_id(first[sha256]))
            for sha256 in dict.fromkeys(files.values())
        ]
        label = self._folder.name[:200].encode(errors="replace").decode() or None
        while not self._stop.is_set():
            try:
                return self._client.submit(
                    images,
                    name=label,
                    model=self._model,
                    confidence=self._confidence,
                    lane=Lane.BATCH,
                    idempotency_key=key,
                )
            except QueueFull:
                # Others are being served; a folder can wait for as long as that takes.
                self._stop.wait(FULL_PAUSE_S)
        raise Stopped


def custom_id(name: str) -> str | None:
    """A file's name as the item's own name, where the service can take it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return None
    return name if len(name) <= 256 else None
