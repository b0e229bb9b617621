"""Job records: where a job is accepted, read, canceled and tried again. Redis holds the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from time import time

from redis import Redis

from roadmask.errors import (
    IdempotencyConflict,
    InvalidRequest,
    ItemNotFound,
    JobClosed,
    JobNotFound,
    QueueFull,
    RecordsUnavailable,
    RoadmaskError,
)
from roadmask.jobs import (
    FINAL_STATES,
    Item,
    ItemPage,
    ItemState,
    Job,
    JobCreate,
    JobPage,
    JobState,
    Lane,
)
from roadmask.settings import Settings
from storage.connections import records_guard
from storage.item_pages import ItemPages
from storage.job_files import job_file, missing, read_job_file, write_job_file
from storage.job_keys import EPOCH, JOBS, WAITING, first_job_id, job_key, new_job_id
from storage.job_status import parse_status
from storage.manifest import FEW, ManifestItem, write_manifest
from storage.objects import ObjectStore, job_prefix
from storage.replies import text, texts
from storage.scripts import Scripts

ACCEPTING_S = 1.0
"""Longest time between a job's file and its record while the job is accepted, seconds."""
SCAN = 100
"""Jobs looked at in one round trip while a page is filled."""


class JobRecords:
    """The jobs as clients see them. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._redis = redis
        self._store = store
        self._settings = settings
        self._scripts = Scripts(redis)
        self._pages = ItemPages(redis, store)

    @records_guard()
    def create(
        self,
        request: JobCreate,
        items: Iterable[ManifestItem],
        idempotency_key: str | None,
        model: str | None = None,
        listing: str = "",
    ) -> tuple[Job, bool]:
        """Accept a job; it and whether it is a replay of an earlier request with the same key.

        The manifest and the request are in the object store before the record exists, so an
        accepted job outlives Redis. Of requests that race with one key, the first to make its
        record wins and the others take back what they wrote. `model` is the version that the name
        in the request stands for now; `listing` is the sha256 of a list of images that is no part
        of the request. Raises `InvalidRequest` for no items, `IdempotencyConflict` when the key
        came with another request before, `QueueFull`, and what `items` raises.
        """
        remaining = iter(items)
        first = tuple(islice(remaining, FEW + 1))
        if not first:
            raise InvalidRequest("The request selects no image. Name at least one that exists.")
        if idempotency_key is not None:
            self._check_memory()
        job_id = new_job_id()
        few = first if len(first) <= FEW else ()
        try:
            total = len(few) or write_manifest(self._store, job_id, chain(first, remaining))
        except RoadmaskError:
            self._take_back(job_id)
            raise
        pinned = model or request.model
        file = job_file(job_id, request, pinned, total, idempotency_key, listing, few)
        write_job_file(self._store, file)
        outcome, *earlier = self._scripts.run(
            "create",
            job_id,
            file.idempotency_key or "",
            file.fingerprint,
            self._settings.retention_s,
            self._settings.max_open_items,
            "" if file.deadline_ms is None else file.deadline_ms,
            *chain.from_iterable(file.record().items()),
        )
        if outcome == b"created":
            return self.read(job_id), False
        self._take_back(job_id)
        if outcome == b"replay":
            return self.read(earlier[0].decode()), True
        if outcome == b"conflict":
            raise IdempotencyConflict(
                "This Idempotency-Key came with another request before. Use a new key for a new "
                "request, or repeat the earlier one as it was."
            )
        raise QueueFull(
            f"With {total} more items, more than {self._settings.max_open_items} would be waiting. "
            "Try again once some are done, or send fewer."
        )

    @records_guard()
    def waiting(self, lane: Lane) -> int:
        """Items of the lane's open jobs that have not ended."""
        return int(text(self._redis.hget(WAITING, lane) or b"0"))

    @records_guard()
    def read(self, job_id: str) -> Job:
        """The job as it is now. Raises `JobNotFound`."""
        (reply,) = self._scripts.run("status", job_id)
        if reply is None:
            raise self._missing(job_id)
        return parse_status(job_id, reply).job

    @records_guard()
    def page(
        self,
        cursor: str | None,
        limit: int,
        states: Collection[JobState] | None = None,
        lane: Lane | None = None,
    ) -> JobPage:
        """Jobs, newest first, of the given states and lane; `cursor` is the last page's `next`."""
        jobs: list[Job] = []
        end = f"({cursor}" if cursor else "+"
        while ids := self._redis.zrevrangebylex(JOBS, end, "-", start=0, num=SCAN):
            for job in self._read_many(texts(ids)):
                if (states is None or job.state in states) and lane in (None, job.lane):
                    if len(jobs) == limit:
                        return JobPage(jobs=jobs, next=jobs[-1].id)
                    jobs.append(job)
            end = f"({text(ids[-1])}"
        return JobPage(jobs=jobs)

    @records_guard()
    def items(
        self,
        job_id: str,
        cursor: str | None,
        limit: int,
        states: Collection[ItemState] | None = None,
    ) -> ItemPage:
        """Items of the given states in order; `cursor` is the last page's `next`.

        Raises `JobNotFound`, `InvalidRequest` for a cursor that is none.
        """
        self._check_exists(job_id)
        return self._pages.page(job_id, cursor, limit, states)

    @records_guard()
    def item(self, job_id: str, index: int) -> Item:
        """One item. Raises `JobNotFound`, `ItemNotFound`."""
        self._check_exists(job_id)
        found = self._pages.page(job_id, str(index), 1, None).items if index >= 0 else []
        if not found:
            raise ItemNotFound(f"Job {job_id} has no item {index}: they are counted from 0.")
        return found[0]

    def results(self, job_id: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """The items from `start` to `stop` (exclusive, by default the end), in order.

        They are read as they are taken. Raises `JobNotFound` at once.
        """
        with records_guard():
            self._check_exists(job_id)
        return self._pages.walk(job_id, start, stop)

    @records_guard()
    def cancel(self, job_id: str) -> Job:
        """Stop the job; what is finished stays. A job that has ended is left as it is."""
        self._check_exists(job_id)
        self._scripts.run("cancel", job_id)
        return self.read(job_id)

    @records_guard()
    def retry(self, job_id: str) -> Job:
        """Open an ended job again for all that did not succeed, with no attempts counted.

        Failed items are tried again; of a canceled, expired or stopped job also what was never
        begun goes on. Raises `JobNotFound`, `JobClosed` when it is still open or all succeeded.
        """
        self._check_exists(job_id)
        job = self.read(job_id)
        round_ = int(self._redis.hget(job_key(job_id), "round") or 0) + 1
        if job.state in FINAL_STATES - {JobState.SUCCEEDED}:
            # First in the store: were Redis emptied after, the retry would not be forgotten.
            file = read_job_file(self._store, job_id)
            write_job_file(self._store, replace(file, round=round_, retried=round_))
        outcome = self._scripts.run("retry", job_id, round_)
        if outcome == b"open":
            raise JobClosed("The job is still open. Wait until it ends, or cancel it first.")
        if outcome == b"nothing":
            raise JobClosed("Every image of this job succeeded: there is nothing to try again.")
        return self.read(job_id)

    def _read_many(self, ids: list[str]) -> Iterator[Job]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                self._scripts.run("status", job_id, client=pipe)
            replies = pipe.execute()
        for job_id, (reply,) in zip(ids, replies, strict=True):
            if reply is not None:
                yield parse_status(job_id, reply).job

    def _check_exists(self, job_id: str) -> None:
        if not self._redis.exists(job_key(job_id)):
            raise self._missing(job_id)

    def _check_memory(self) -> None:
        """An emptied Redis does not know which keys were used: then wait until it is rebuilt.

        It was emptied when it lacks the oldest job in the store, save one being accepted just now.
        """
        if self._is_sure():
            return
        files = (key for key in self._store.keys("jobs/") if key.endswith("/job.json"))
        oldest = next(files, "").split("/")
        if len(oldest) == 3 and oldest[1] < first_job_id((time() - ACCEPTING_S) * 1000):
            self._check_exists(oldest[1])

    def _is_sure(self) -> bool:
        return bool(self._redis.hexists(EPOCH, "server"))

    def _take_back(self, job_id: str) -> None:
        for key in list(self._store.keys(job_prefix(job_id))):
            self._store.delete(key)

    def _missing(self, job_id: str) -> JobNotFound | RecordsUnavailable:
        return missing(self._store, job_id, self._is_sure())
