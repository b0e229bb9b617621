"""Fetching the masks of a job while it runs, several in each response."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

from roadmask.client.client import Client
from roadmask.client.transport import SERVICE_ERRORS
from roadmask.errors import RoadmaskError
from roadmask.folder.output_folder import OutputFolder
from roadmask.folder.results import FileResult
from roadmask.folder.uploader import SubJob
from roadmask.schemas.jobs import FINAL_ITEM_STATES, Item
from roadmask.schemas.mask_formats import MaskFormat

CONCURRENCY = 4
"""Parallel requests for masks."""
MAX_BATCH = 64
"""Most masks in one response, all of which are in memory."""
LINGER_S = 0.2
"""Longest wait of an incomplete batch for more masks, seconds. A request costs more than a mask."""


class MaskFetchQueue:
    """Indices of ended items whose masks are not fetched yet.

    It calls `schedule` for each batch that a thread must `take`. Items that end within `LINGER_S`,
    or while every thread is busy, share a batch. Thread-safe.
    """

    def __init__(self, schedule: Callable[[], None]) -> None:
        self._schedule = schedule
        self._changed = threading.Condition()
        self._indices: set[int] = set()
        self._complete = False

    def add(self, indices: Iterable[int]) -> None:
        with self._changed:
            was_empty = not self._indices
            self._indices.update(indices)
            self._changed.notify_all()
            if was_empty and self._indices:
                self._schedule()

    def complete(self) -> None:
        """Note that no more items will be added, so that a batch does not wait for more."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def take(self) -> range:
        """Take up to `MAX_BATCH` consecutive indices, and schedule a batch for the others."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._complete or len(self._indices) >= MAX_BATCH, timeout=LINGER_S
            )
            start = stop = min(self._indices)
            while stop in self._indices and stop < start + MAX_BATCH:
                self._indices.remove(stop)
                stop += 1
            if self._indices:
                self._schedule()
            return range(start, stop)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Results of one batch of files of a sub-job."""

    sub_job: SubJob
    results: list[FileResult]


class MaskFetcher:
    """Writes the masks of sub-jobs into the output folder as their items end.

    Threads of the fetcher call `publish` with `Fetched` results, and with errors that end the run.
    """

    def __init__(
        self,
        client: Client,
        output: OutputFolder,
        *,
        confidence: bool,
        publish: Callable[[Fetched | BaseException], None],
    ) -> None:
        self._client = client
        self._output = output
        self._confidence = confidence
        self._publish = publish
        self._threads = ThreadPool(CONCURRENCY)

    def close(self) -> None:
        """Fetch nothing more."""
        self._threads.terminate()

    def finish(self) -> None:
        """Fetch nothing more, and wait for the masks that are being written."""
        self._threads.terminate()
        self._threads.join()

    def follow(self, sub_job: SubJob) -> None:
        """Fetch each mask of the sub-job; returns when its job ended."""

        def schedule() -> None:
            self._threads.apply_async(self._fetch, (sub_job, queue), error_callback=self._publish)

        queue = MaskFetchQueue(schedule)
        open_items = set(range(sub_job.job.counts.total))
        for event in self._client.events(sub_job.job):
            index: int = event.data.get("index", -1)
            ended = event.type == "item" and event.data.get("state") in FINAL_ITEM_STATES
            if ended and index in open_items:
                open_items.remove(index)
                queue.add([index])
        # The service may drop events of a long job. At its end all items have ended.
        queue.add(open_items)
        queue.complete()

    def _fetch(self, sub_job: SubJob, queue: MaskFetchQueue) -> None:
        batch = queue.take()
        results: list[FileResult] = []
        try:
            for item, png in self._client.masks(sub_job.job, batch.start, batch.stop):
                names = sub_job.names(item.image_id)
                results.extend(self._result(sub_job, name, item, png) for name in names)
        finally:
            # After an error, too, so that the run knows which masks were written before it.
            self._publish(Fetched(sub_job, results))

    def _result(self, sub_job: SubJob, name: str, item: Item, png: bytes | None) -> FileResult:
        sha256 = sub_job.files[name]
        try:
            mask = self._write(sub_job, name, item, png) if item.result else None
            return FileResult.of_item(name, sha256, item, mask, sub_job.job.id)
        except SERVICE_ERRORS:
            raise
        except RoadmaskError as error:
            return FileResult.of_error(name, sha256, error)

    def _write(self, sub_job: SubJob, name: str, item: Item, png: bytes | None) -> str:
        if png is None:
            # The store has lost the mask, or the item ended while the response was made.
            png = self._client.mask_bytes(self._client.item(sub_job.job, item.index))
        confidence = None
        if self._confidence:
            confidence = self._client.rendering(sub_job.job, item.index, MaskFormat.CONFIDENCE)
        return self._output.write(name, png, confidence)
