"""Submission of a folder: hash files, upload those that the service lacks, create jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from roadmask.client.client import Client
from roadmask.client.image_sender import ImageSender, unreadable
from roadmask.client.sources import client_name
from roadmask.errors import QueueFull, RoadmaskError
from roadmask.folder.options import RunOptions
from roadmask.folder.output_folder import OutputFolder
from roadmask.folder.results import FileResult, Progress
from roadmask.folder.state import BLOCK, FolderState
from roadmask.schemas.ids import uploaded_id
from roadmask.schemas.jobs import ImageRef, Job, Lane
from roadmask.shown import shown

FIRST_SIZE, MAX_SIZE = 16, 1024
"""Sizes of the first and of the largest sub-job, files. The first is small, so that inference
begins at once. Each sub-job is twice as large as the previous one, or 8 times as large if that one
needed no upload."""
GATHER_S = 0.5
"""Seconds for which a sub-job may grow while the service has the bytes of all its files. Then the
service probably also has their masks, and one large job takes less time than several."""
MAX_OPEN = 2
"""Sub-jobs open at once: one runs while the next uploads."""
FULL_PAUSE_S = 5.0
"""Seconds to wait before a sub-job is submitted again after `QueueFull`."""


class Stopped(Exception):
    """The caller has stopped the run."""


@dataclass(eq=False)
class SubJob:
    """Files of a folder that were submitted as one job."""

    key: str
    """The job's idempotency key."""
    job: Job
    files: dict[str, str]
    """From filename to sha256."""

    def __post_init__(self) -> None:
        self.open_files: set[str] = set(self.files)
        """Files without a result."""
        self._names: dict[str, list[str]] = {}
        for name, sha256 in self.files.items():
            self._names.setdefault(uploaded_id(sha256), []).append(name)

    def names(self, image_id: str) -> list[str]:
        """The files that have the bytes of this image."""
        return self._names[image_id]


class Uploader:
    """Splits a folder into sub-jobs and submits them; `run` belongs in a thread of its own.

    `publish` gets each sub-job, and the results of files that need no job: their masks exist, or
    they cannot be uploaded. A sub-job is saved in `state` before it is submitted. So the run after
    a killed run finds the same job again by its idempotency key.
    """

    def __init__(
        self,
        client: Client,
        options: RunOptions,
        state: FolderState,
        output: OutputFolder,
        progress: Progress,
        publish: Callable[[SubJob | list[FileResult]], None],
    ) -> None:
        self._client = client
        self._options = options
        self._state = state
        self._output = output
        self._progress = progress
        self._publish = publish
        self._free_slots = threading.Semaphore(MAX_OPEN)
        self._stop = threading.Event()
        self._sender = ImageSender(client)

    def close(self) -> None:
        """Submit nothing more."""
        self._stop.set()
        self._sender.close()

    def complete(self, sub_job: SubJob) -> None:
        """Note that all files of the sub-job have results, so that another may be submitted."""
        self._state.remove_sub_job(sub_job.key)
        self._free_slots.release()

    def run(self, names: list[str]) -> None:
        """Submit all these files. Raises `Stopped` after `close`."""
        resumed = self._resume(set(names))
        files: dict[str, str] = {}
        size, begun = FIRST_SIZE, time.monotonic()
        for start in range(0, len(names), BLOCK):
            kept: list[FileResult] = []
            for name, sha256 in self._changed(names[start : start + BLOCK], resumed, kept):
                files[name] = sha256
                if len(files) < size:
                    continue
                self._publish_all(kept)
                if size < MAX_SIZE and self._gathers(files, begun):
                    size = min(8 * size, MAX_SIZE)
                    continue
                before = self._progress.uploaded
                self._submit_files(files)
                growth = 2 if self._progress.uploaded > before else 8
                files, size, begun = {}, min(growth * size, MAX_SIZE), time.monotonic()
            self._publish_all(kept)
        if files:
            self._submit_files(files)

    def _gathers(self, files: dict[str, str], begun: float) -> bool:
        """Whether the sub-job may grow; `begun` is when it began, by `time.monotonic`."""
        in_time = time.monotonic() - begun < GATHER_S
        return in_time and not self._client.missing(list(set(files.values())))

    def _publish_all(self, results: list[FileResult]) -> None:
        """Publish the results, and empty the list."""
        if results:
            self._publish(results[:])
            results.clear()

    def _changed(
        self, names: Sequence[str], resumed: set[str], kept: list[FileResult]
    ) -> Iterator[tuple[str, str]]:
        """Yield the files to submit with their sha256s; append results of other files to `kept`."""
        known = self._state.known(names, self._options.result_options)
        left = [name for name in names if name not in resumed]
        # In small blocks, so that the first sub-job is submitted as soon as its files are read.
        for start in range(0, len(left), FIRST_SIZE):
            if self._stop.is_set():
                raise Stopped
            files = left[start : start + FIRST_SIZE]
            for name, sha256 in self._state.sha256s(files, self._options.folder, known).items():
                if isinstance(sha256, OSError):
                    kept.append(FileResult.of_error(name, None, unreadable(sha256)))
                elif result := self._output.unchanged(name, sha256, known.get(name)):
                    kept.append(result)
                else:
                    yield name, sha256

    def _resume(self, names: set[str]) -> set[str]:
        """Submit the open sub-jobs of an earlier run again. Returns the names of their files."""
        resumed: set[str] = set()
        for key, files in self._state.sub_jobs(self._options.job_options).items():
            if files.keys() <= names and self._are_unchanged(files):
                self._submit_files(files, key)
                resumed |= files.keys()
            else:
                self._give_up(key, files)
        return resumed

    def _give_up(self, key: str, files: dict[str, str]) -> None:
        """Forget the sub-job of an earlier run, but record the masks that the run has written."""
        self._output.adopt(files)
        self._state.remove_sub_job(key)

    def _are_unchanged(self, files: dict[str, str]) -> bool:
        names = list(files)
        blocks = (names[start : start + BLOCK] for start in range(0, len(names), BLOCK))
        return all(self._sha256s(block).items() <= files.items() for block in blocks)

    def _sha256s(self, names: Sequence[str]) -> dict[str, str | OSError]:
        known = self._state.known(names, self._options.result_options)
        return self._state.sha256s(names, self._options.folder, known)

    def _submit_files(self, files: dict[str, str], key: str | None = None) -> None:
        """Upload and submit files as one sub-job. `key` is the key of a resumed sub-job."""
        while not self._free_slots.acquire(timeout=0.2):
            if self._stop.is_set():
                raise Stopped
        uploaded = self._upload(files)
        if key is not None and uploaded != files:
            # A key stands for all files of its sub-job, so fewer files need a new key.
            self._give_up(key, files)
            key = None
        if not uploaded:
            self._free_slots.release()
            return
        if key is None:
            key = self._state.add_sub_job(self._options.job_options, uploaded)
        self._publish(SubJob(key, self._submit(key, uploaded), uploaded))

    def _upload(self, files: dict[str, str]) -> dict[str, str]:
        """Upload the bytes that the service lacks. Returns the files that it did not refuse."""
        names = {sha256: name for name, sha256 in files.items()}
        missing = self._client.missing(list(names))
        refused: dict[str, RoadmaskError] = {}
        paths = {sha256: self._options.folder / names[sha256] for sha256 in missing}
        for sha256, error in self._sender.send(paths):
            if error is not None:
                refused[sha256] = error
            self._progress.uploaded += error is None
        results = [
            FileResult.of_error(name, sha256, refused[sha256])
            for name, sha256 in files.items()
            if sha256 in refused
        ]
        self._publish_all(results)
        return {name: sha256 for name, sha256 in files.items() if sha256 not in refused}

    def _submit(self, key: str, files: dict[str, str]) -> Job:
        first = {sha256: name for name, sha256 in reversed(files.items())}
        images = [
            ImageRef(id=uploaded_id(sha256), custom_id=client_name(first[sha256]))
            for sha256 in dict.fromkeys(files.values())
        ]
        job_name = shown(self._options.folder.name)[:200] or None
        while not self._stop.is_set():
            try:
                return self._client.submit(
                    images,
                    name=job_name,
                    model=self._options.model,
                    confidence=self._options.confidence is not None,
                    lane=Lane.BATCH,
                    **self._options.parameters.model_dump(),
                    idempotency_key=key,
                )
            except QueueFull:
                # A folder run waits for as long as the service is busy with other jobs.
                self._stop.wait(FULL_PAUSE_S)
        raise Stopped
