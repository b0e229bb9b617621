"""Job records in Redis: jobs are accepted, read, canceled and retried here."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain, islice
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from roadmask.errors import (
    IdempotencyConflict,
    InvalidRequest,
    ItemNotFound,
    JobClosed,
    JobNotFound,
    ObjectNotFound,
    RecordsUnavailable,
    RecordUnreadable,
    RoadmaskError,
    Unavailable,
)
from roadmask.masks.interval import mean_interval
from roadmask.schemas.ids import MAX_INDEX
from roadmask.schemas.jobs import (
    FINAL_STATES,
    Item,
    ItemPage,
    ItemState,
    Job,
    JobCreate,
    JobPage,
    JobState,
    Lane,
    ScoreInterval,
    ScoreReport,
)
from roadmask.settings import Settings
from storage.access.caller import ANYBODY, Caller
from storage.access.job_sharing import visible_jobs
from storage.clock_difference import ClockDifference
from storage.connections import is_outage, records_guard
from storage.jobs.item_list import ItemList, ItemQuery
from storage.jobs.item_reader import ItemReader
from storage.jobs.job_file import (
    JobFile,
    begin_round,
    default_lane,
    delete_job,
    new_job_file,
    no_record_error,
    write_job_file,
)
from storage.jobs.keys import (
    ACCEPTING,
    EPOCH,
    JOBS,
    UNREADABLE,
    creation_ms,
    first_job_id,
    job_ids,
    job_key,
    new_job_id,
)
from storage.jobs.keys import idempotency_key as key_of
from storage.jobs.lane_capacity import LaneCapacity
from storage.jobs.lua.status_reply import StatusReply
from storage.jobs.manifest import INLINE_ITEMS, ManifestItem, write_manifest
from storage.jobs.results import matrix
from storage.jobs.scripts import CreateOutcome, JobScripts, RetryOutcome
from storage.jobs.status import parse_status
from storage.objects.keys import JOB_FOLDERS, job_file_key
from storage.objects.store import ObjectStore
from storage.queue import encode_message
from storage.redis_text import text, texts

log = logging.getLogger(__name__)

ACCEPTING_S = 1.0
"""Longest time between the writes of a job's file and of its record, seconds."""
SCAN = 100
"""Jobs in one round trip while a page is filled."""


class Accepted(NamedTuple):
    """A job that was accepted."""

    job: Job
    is_replay: bool
    """An earlier request with the same Idempotency-Key created it."""


class JobRecords:
    """Jobs as clients see them. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        scripts: JobScripts,
        items: ItemReader,
        lists: ItemList,
        settings: Settings,
    ) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts
        self._items = items
        self._lists = lists
        self._settings = settings
        self._capacity = LaneCapacity(redis, settings)
        self._clock = ClockDifference()

    @records_guard()
    def create(
        self,
        request: JobCreate,
        items: Iterable[ManifestItem],
        idempotency_key: str | None,
        model: str | None = None,
        listing: str = "",
        owner: str | None = None,
        messages: int = 0,
    ) -> Accepted:
        """Accept a job, or return the job that an earlier request with the same key created.

        The manifest and the request are in the object store before the record exists, so an
        accepted job outlives Redis. If several requests race with one key, the first to create
        its record wins, and the others delete their objects. `model` is the version to which the
        model name in the request resolves. `listing` is the sha256 of an image list that was
        uploaded separately. `owner` is the id of the API key that owns the job. The step that
        accepts the job also sends up to `messages` messages to the workers of its lane.

        Raises `InvalidRequest` for no items, `IdempotencyConflict` if another request used the
        key before, `QueueFull`, and the errors of iterating over `items`.
        """
        remaining = iter(items)
        first = tuple(islice(remaining, INLINE_ITEMS + 1))
        if not first:
            raise InvalidRequest("The request selects no image. Name at least one that exists.")
        known_key = idempotency_key and key_of(idempotency_key, owner)
        self._capacity.check(request.lane or default_lane(len(first)), known_key)
        job_id = new_job_id()
        is_complete = self._announce(job_id)
        inline = first if len(first) <= INLINE_ITEMS else ()
        try:
            if idempotency_key is not None and not is_complete:
                self._check_keys_are_known()
            total = len(inline) or write_manifest(self._store, job_id, chain(first, remaining))
            named = model or request.model
            file = new_job_file(
                job_id, request, named, total, idempotency_key, listing, inline, owner
            )
            write_job_file(self._store, file)
        except Exception:
            self._forget(job_id)
            raise
        created = self._scripts.create_job(
            job_id,
            file.record(),
            idempotency_key=file.idempotency_key,
            fingerprint=file.fingerprint,
            deadline_ms=file.deadline_ms,
            retention_s=self._settings.retention_s,
            max_open_items=self._capacity.items,
            max_open_jobs=self._capacity.jobs,
            messages=[encode_message(job_id, file.lane) for _ in range(min(messages, total))],
        )
        if created.status is not None:
            return self._accepted(file, created.status)
        self._forget(job_id)
        if created.earlier_job is not None:
            return Accepted(self.read(created.earlier_job), is_replay=True)
        raise self._refusal(created.outcome, total)

    def _announce(self, job_id: str) -> bool:
        """Note that the job is being accepted; return whether Redis has all records."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(ACCEPTING, {job_id: creation_ms(job_id)})
            pipe.hexists(EPOCH, "server")
            _, is_complete = pipe.execute()
        return bool(is_complete)

    def _accepted(self, file: JobFile, status: StatusReply) -> Accepted:
        job = parse_status(file.id, status).job
        self._clock.note(file.created_ms / 1000 - job.created_at.timestamp())
        return Accepted(job, is_replay=False)

    def _refusal(self, outcome: CreateOutcome, total: int) -> RoadmaskError:
        if outcome is CreateOutcome.CONFLICT:
            return IdempotencyConflict(
                "Another request has used this Idempotency-Key. Use a new key for a new request, "
                "or repeat the earlier request unchanged."
            )
        if outcome is CreateOutcome.ABANDONED:
            return RecordsUnavailable(
                "Redis, which keeps the job records, was emptied while the job was accepted, or "
                "its images took more than an hour to list. Send the request again."
            )
        return self._capacity.refusal(total)

    @records_guard()
    def read(self, job_id: str) -> Job:
        """Read the current state of a job. Raises `JobNotFound`."""
        reply = self._scripts.read_status(job_id)
        if reply is None:
            raise self._no_record(job_id)
        return parse_status(job_id, reply).job

    @records_guard()
    def page(
        self,
        cursor: str | None,
        limit: int,
        states: Collection[JobState] | None = None,
        lane: Lane | None = None,
        caller: Caller = ANYBODY,
    ) -> JobPage:
        """List jobs of these states and this lane, newest first.

        `cursor` is `next` of the previous page. Jobs that the caller may not read are left out.
        """
        jobs: list[Job] = []
        end = f"({cursor}" if cursor else "+"
        while ids := self._redis.zrevrangebylex(JOBS, end, "-", start=0, num=SCAN):
            for job in self._read_many(visible_jobs(self._redis, job_ids(ids), caller)):
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
        """List items of the given states in order; `cursor` is the last page's `next`.

        Raises `JobNotFound`, and `InvalidRequest` for an invalid cursor.
        """
        self._check_exists(job_id)
        return self._items.page(job_id, cursor, limit, states)

    @records_guard()
    def item_list(
        self, job_id: str, query: ItemQuery, limit: int, offset: int = 0, at: int | None = None
    ) -> ItemPage:
        """List items that match, in the order of the query, from `offset` or from the item `at`.

        Raises `JobNotFound`, `ConditionUnclear`, `InvalidRequest` for an unknown order, and
        `ItemNotFound` for an `at` that is not in the list.
        """
        self._check_exists(job_id)
        selected = self._lists.select(job_id, query)
        start = offset if at is None else self._lists.position(selected, at)
        items = self._items.pick(job_id, selected[start : start + limit].tolist())
        return ItemPage(items=items, offset=start, total=len(selected))

    @records_guard()
    def score_report(self, job_id: str) -> ScoreReport:
        """Confusion matrix and interval of the mean IoU. Raises `JobNotFound`."""
        reply = self._scripts.read_status(job_id)
        if reply is None:
            raise self._no_record(job_id)
        interval = mean_interval(self._lists.by_name(job_id, "iou"))
        return ScoreReport(
            confusion=matrix(reply.confusion).tolist(),
            interval=ScoreInterval(**asdict(interval)) if interval else None,
        )

    @records_guard()
    def item(self, job_id: str, index: int) -> Item:
        """Read one item. Raises `JobNotFound`, `ItemNotFound`."""
        job_key(job_id)  # Raises `JobNotFound` for an invalid id.
        cursor = index if 0 <= index <= MAX_INDEX else MAX_INDEX
        try:
            found = self._items.page(job_id, str(cursor), 1, None).items
        except JobNotFound:
            raise self._no_record(job_id) from None
        if not found or found[0].index != index:
            raise ItemNotFound(f"Job {job_id} has no item {index}: they are counted from 0.")
        return found[0]

    def iter_items(self, job_id: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """Iterate over the items from `start` to `stop` (exclusive, by default the end).

        Items are read lazily, but `JobNotFound` is raised at this call.
        """
        with records_guard():
            self._check_exists(job_id)
        return self._items.iterate(job_id, start, stop)

    @records_guard()
    def cancel(self, job_id: str) -> Job:
        """Cancel the job; ended items stay. A job that has ended stays unchanged."""
        self._check_exists(job_id)
        self._scripts.cancel_job(job_id)
        return self.read(job_id)

    @records_guard()
    def retry(self, job_id: str) -> Job:
        """Reopen an ended job: all items that did not succeed are queued again.

        That includes the unfinished items of a canceled, expired or failed job. Their attempts
        start again at 0. Raises `JobNotFound`, and `JobClosed` if the job is open or all its items
        succeeded.
        """
        self._check_exists(job_id)
        job = self.read(job_id)
        round_ = int(self._redis.hget(job_key(job_id), "round") or 0) + 1
        if job.state in FINAL_STATES - {JobState.SUCCEEDED}:
            # The store comes first, so that the retry survives an emptied Redis.
            try:
                begin_round(self._store, job_id, round_, is_retry=True)
            except (ObjectNotFound, RecordUnreadable) as error:
                raise JobClosed(
                    f"The stored request of this job is damaged, so it cannot run again "
                    f"({error.detail}) Submit it as a new job."
                ) from None
        outcome = self._scripts.retry_job(job_id, round_)
        if outcome is RetryOutcome.OPEN:
            raise JobClosed("The job is still open. Wait until it ends, or cancel it first.")
        if outcome is RetryOutcome.NOTHING:
            raise JobClosed("Every image of this job succeeded: there is nothing to try again.")
        return self.read(job_id)

    @records_guard()
    def exists(self, job_id: str) -> bool:
        """Whether Redis has a record of the job."""
        return bool(self._redis.exists(job_key(job_id)))

    @records_guard()
    def owner(self, job_id: str) -> str | None:
        """Read the owner of a job; None without one, or without the job."""
        owner = self._redis.hget(job_key(job_id), "owner")
        return text(owner) if owner else None

    def _read_many(self, ids: list[str]) -> Iterator[Job]:
        for job_id, reply in zip(ids, self._scripts.read_statuses(ids), strict=True):
            try:
                if isinstance(reply, Exception):
                    raise reply
                if reply is not None:
                    yield parse_status(job_id, reply).job
            except (RecordUnreadable, ValueError, ResponseError) as error:
                if is_outage(error):
                    raise
                log.warning("job %s is not listed: its record cannot be read: %s", job_id, error)

    def _check_exists(self, job_id: str) -> None:
        if not self._redis.exists(job_key(job_id)):
            raise self._no_record(job_id)

    def _check_keys_are_known(self) -> None:
        """Raise `RecordsUnavailable` if Redis was emptied, and so forgot used Idempotency-Keys.

        Redis was emptied if it lacks the oldest job in the store. A job that is being accepted at
        this moment has no record yet and does not count.
        """
        files = (key for key in self._store.keys(JOB_FOLDERS) if key.endswith("/job.json"))
        oldest = next(files, "").split("/")
        if len(oldest) == 3 and oldest[1] < first_job_id((time.time() - ACCEPTING_S) * 1000):
            self._check_exists(oldest[1])

    @records_guard()
    def are_complete(self) -> bool:
        """Whether Redis has all records. False while an emptied Redis is rebuilt."""
        return bool(self._redis.hexists(EPOCH, "server"))

    def _forget(self, job_id: str) -> None:
        """Delete the objects of a job that is not accepted.

        If the store or Redis is unavailable, the reconciler deletes them later.
        """
        with suppress(Unavailable), records_guard():
            delete_job(self._store, job_id)
            self._redis.zrem(ACCEPTING, job_id)

    def _no_record(self, job_id: str) -> JobNotFound | RecordsUnavailable:
        found: Any = self._redis.hmget(UNREADABLE, [job_file_key(job_id), JOB_FOLDERS])
        cause = next(iter(texts(filter(None, found))), None)
        return no_record_error(self._store, job_id, self.are_complete(), cause)
