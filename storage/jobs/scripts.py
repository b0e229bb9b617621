"""The Lua scripts that change job records, as typed functions.

Each script is atomic: everything that must change together changes in one script. Redis clients
repeat a command whose reply was lost, so every script is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from roadmask.errors import RecordUnreadable
from roadmask.schemas.jobs import Lane
from storage.jobs.keys import job_key, open_key
from storage.jobs.lua.source import source
from storage.jobs.lua.status_reply import StatusReply
from storage.redis_text import text, texts

FLIGHT_MS = 600_000
"""Time after which Redis deletes a flight. Usually it ends earlier, with its item or its lease."""

Fields = Mapping[str, str | int | float]
"""Fields of a record."""

NAMES = (
    "begin_items",
    "cancel_job",
    "claim_chunk",
    "commit_items",
    "count_waiting",
    "create_job",
    "index_job",
    "mark_archived",
    "mark_sealed",
    "read_status",
    "reconcile_job",
    "release_chunk",
    "renew_lease",
    "restore_job",
    "retry_job",
    "save_delivery",
    "take_delivery",
)


class CreateOutcome(StrEnum):
    """Outcome of a request for a new job."""

    CREATED = "created"
    REPLAY = "replay"
    """The same request with the same Idempotency-Key created a job before."""
    CONFLICT = "conflict"
    """Another request used this Idempotency-Key."""
    FULL = "full"
    ABANDONED = "abandoned"
    """Accepting the job took too long, or Redis was emptied meanwhile."""


class Created(NamedTuple):
    """Reply of `create_job`."""

    outcome: CreateOutcome
    status: StatusReply | None = None
    """Status of the new job; None unless it was created."""
    earlier_job: str | None = None
    """Id of the job of a replay; None otherwise."""


class RetryOutcome(StrEnum):
    """Outcome of a request to retry a job."""

    REOPENED = "reopened"
    OPEN = "open"
    NOTHING = "nothing"
    """All items had succeeded."""
    RACED = "raced"
    """Another request for a retry was first."""


class Lease(NamedTuple):
    """The right of one worker to end the items of a chunk."""

    job_id: str
    chunk: int
    token: int
    """Fencing token. The next lease of the chunk has a larger token, and this one is refused."""


class Claimed(NamedTuple):
    """Reply of `claim_chunk`."""

    lease: Lease
    items: bytes
    """Item bytes of the whole chunk."""
    record: dict[str, str]
    """The requested fields of the record that exist."""


class Begun(NamedTuple):
    """Reply of `begin_items`."""

    begun: list[int]
    """Indices of items whose attempt has begun."""
    exhausted: list[int]
    """Indices of items that have no attempts left."""
    elsewhere: list[int]
    """Indices of items whose masks another worker infers now."""


@dataclass(frozen=True, slots=True)
class ItemCommit:
    """How an item ended."""

    index: int
    state: int
    """`item_bytes.SUCCEEDED` or `item_bytes.FAILED`."""
    result: bytes
    event: bytes
    cached: bool
    flight: str
    """Flight that ends with the item; empty for none."""
    confusion: Mapping[str, int]
    """Non-zero cells of the confusion matrix, by row * 8 + column; empty without a truth."""

    def arguments(self) -> Iterable[Any]:
        """Return the arguments of `commit_items` for this item."""
        head = (self.index, self.state, self.result, self.event, int(self.cached), self.flight)
        return *head, len(self.confusion), *_flat(self.confusion)


class Released(NamedTuple):
    """Reply of `release_chunk`."""

    sealable: bool
    """All items of the chunk have ended."""
    claimable: bool
    """The job may have more chunks to claim."""
    archivable: bool
    """The job has ended, and no worker holds a chunk of it."""


class Reconciled(NamedTuple):
    """Reply of `reconcile_job`."""

    expired: bool
    """The deadline passed, and the job was finalized."""
    claimable: int
    """Upper bound of the chunks to claim."""
    message_lost: bool
    """No worker claims the job, so its message is presumed lost."""
    sealable: list[int]
    """Chunks whose leases expired after all their items had ended."""
    expired_leases: list[str]
    """Each as "chunk token worker"."""

    @classmethod
    def parse(cls, reply: list[Any]) -> Reconciled:
        """Parse the reply for one job."""
        expired, claimable, lost, sealable, leases = reply
        chunks = [int(chunk) for chunk in sealable]
        return cls(bool(expired), claimable, bool(lost), chunks, texts(leases))


class JobScripts:
    """The scripts on one Redis. redis-py loads a script again if Redis has lost it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts: dict[str, Callable[..., Any]] = {
            name: redis.register_script(source(name)) for name in NAMES
        }

    def create_job(
        self,
        job_id: str,
        record: Fields,
        *,
        idempotency_key: str | None,
        fingerprint: str,
        deadline_ms: int | None,
        retention_s: int,
        max_open_items: int,
        max_open_jobs: int,
        messages: Sequence[bytes] = (),
    ) -> Created:
        """Create a job, unless its Idempotency-Key is taken or its lane is full.

        The same step sends `messages` to the workers of its lane.
        """
        word, *about = self._run(
            "create_job",
            job_id,
            idempotency_key or "",
            fingerprint,
            retention_s,
            max_open_items,
            max_open_jobs,
            "" if deadline_ms is None else deadline_ms,
            len(messages),
            *messages,
            *_flat(record),
        )
        outcome = CreateOutcome(text(word))
        if outcome is CreateOutcome.CREATED:
            return Created(outcome, status=StatusReply.parse(about[0]))
        return Created(outcome, earlier_job=text(about[0]) if about else None)

    def restore_job(
        self,
        job_id: str,
        record: Fields,
        items: bytes,
        confusion: Mapping[str, int],
        *,
        idempotency_key: str | None,
        fingerprint: str,
        retention_s: int,
    ) -> bool:
        """Restore a job that Redis lost; False when Redis has it."""
        return bool(
            self._run(
                "restore_job",
                job_id,
                items,
                retention_s,
                idempotency_key or "",
                fingerprint,
                len(confusion),
                *_flat(confusion),
                *_flat(record),
            )
        )

    def index_job(self, job_id: str) -> None:
        """Enter a job into those indexes of all jobs that lack it.

        Raises `RecordUnreadable` if the job is open and its record is damaged.
        """
        try:
            self._run("index_job", job_id)
        except ResponseError as error:
            raise _damage(job_id, error) from None

    def count_waiting(self, lane: Lane) -> None:
        """Count the unfinished items of a lane's open jobs anew."""
        self._scripts["count_waiting"](keys=[open_key(lane)])

    def read_status(self, job_id: str) -> StatusReply | None:
        """Read the status of a job, None when there is no such job."""
        (reply,) = self._run("read_status", job_id)
        return StatusReply.parse(reply)

    def read_statuses(self, job_ids: Iterable[str]) -> list[StatusReply | Exception | None]:
        """Read the status of each job; an exception stands for a job whose record is damaged."""
        calls = ((job_id, ()) for job_id in job_ids)
        replies = self._pipelined("read_status", calls, raise_on_error=False)
        return [_parsed(reply) for reply in replies]

    def cancel_job(self, job_id: str) -> None:
        """Finalize an open job as canceled. A job that has ended stays unchanged."""
        self._run("cancel_job", job_id)

    def retry_job(self, job_id: str, round_: int) -> RetryOutcome:
        """Reopen an ended job for its next round."""
        return RetryOutcome(text(self._run("retry_job", job_id, round_)))

    def claim_chunk(
        self, job_id: str, lease_ms: int, worker_id: str, fields: Sequence[str]
    ) -> Claimed | None:
        """Lease a chunk that has unfinished items; None when the job has none."""
        reply = self._run("claim_chunk", job_id, lease_ms, worker_id, *fields)
        if reply is None:
            return None
        chunk, token, items, values = reply
        pairs = zip(fields, values, strict=True)
        record = {name: text(value) for name, value in pairs if value is not None}
        return Claimed(Lease(job_id, int(chunk), int(token)), items, record)

    def begin_items(
        self, lease: Lease, max_attempts: int, attempts: Iterable[tuple[int, int, str]]
    ) -> Begun:
        """Begin attempts. `attempts` has for each item: index, number of the attempt, flight or ''.

        An attempt that was begun before is not counted again. Without the lease no item is begun.
        """
        job_id, chunk, token = lease
        arguments = chain.from_iterable(attempts)
        reply = self._run("begin_items", job_id, chunk, token, max_attempts, FLIGHT_MS, *arguments)
        return Begun(*reply)

    def commit_items(self, lease: Lease, commits: Iterable[ItemCommit]) -> int:
        """End items. Returns the number of items that ended; 0 without the lease."""
        job_id, chunk, token = lease
        arguments = chain.from_iterable(commit.arguments() for commit in commits)
        return int(self._run("commit_items", job_id, chunk, token, *arguments))

    def renew_leases(self, leases: Iterable[Lease], lease_ms: int) -> list[bool]:
        """Extend leases. Returns for each whether it is still held."""
        calls = ((job_id, (chunk, token, lease_ms)) for job_id, chunk, token in leases)
        return [bool(reply) for reply in self._pipelined("renew_lease", calls)]

    def release_chunk(self, lease: Lease, suspects: Iterable[int] = ()) -> Released:
        """End a lease. Begun items are queued again; only the attempts of suspects count."""
        job_id, chunk, token = lease
        return Released(*map(bool, self._run("release_chunk", job_id, chunk, token, *suspects)))

    def mark_sealed(self, job_id: str, chunk: int, round_: int) -> None:
        """Delete a chunk's results from Redis, unless the job was retried since that round."""
        self._run("mark_sealed", job_id, chunk, round_)

    def mark_archived(self, job_id: str, round_: int, retention_s: int) -> bool:
        """Let the record expire. False if the job has changed since it was archived."""
        return bool(self._run("mark_archived", job_id, round_, retention_s))

    def reconcile_jobs(
        self, job_ids: Sequence[str], lease_ms: int, expected_ms: int
    ) -> list[Reconciled | Exception]:
        """Reconcile each job; an exception stands for a job that fails.

        The exception is `RecordUnreadable` for an open job with a damaged record. `expected_ms` is
        the time that Redis's clock should show; with 0 no lease expires.
        """
        arguments = (lease_ms, expected_ms)
        calls = ((job_id, arguments) for job_id in job_ids)
        replies = self._pipelined("reconcile_job", calls, raise_on_error=False)
        return [
            _damage(job_id, reply) if isinstance(reply, Exception) else Reconciled.parse(reply)
            for job_id, reply in zip(job_ids, replies, strict=True)
        ]

    def take_delivery(self, job_id: str, round_: int, lease_ms: int) -> bytes | None:
        """Lease a due webhook delivery (JSON); None if it is not due or already leased."""
        reply: bytes | None = self._run("take_delivery", job_id, round_, lease_ms)
        return reply

    def save_delivery(
        self, job_id: str, round_: int, delivery: bytes, pause_ms: int | None
    ) -> None:
        """Save the state of a webhook delivery. It is due after `pause_ms`; None: never again."""
        pause = "" if pause_ms is None else pause_ms
        self._run("save_delivery", job_id, round_, delivery, pause)

    def _run(self, name: str, job_id: str, *arguments: Any) -> Any:
        return self._scripts[name](keys=[job_key(job_id)], args=arguments)

    def _pipelined(
        self,
        name: str,
        calls: Iterable[tuple[str, Sequence[Any]]],
        *,
        raise_on_error: bool = True,
    ) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id, arguments in calls:
                self._scripts[name](keys=[job_key(job_id)], args=arguments, client=pipe)
            return pipe.execute(raise_on_error)


def _parsed(reply: Any) -> StatusReply | Exception | None:
    try:
        return reply if isinstance(reply, Exception) else StatusReply.parse(reply[0])
    except ValueError as error:  # a field is no UTF-8 or no number
        return error


def _damage(job_id: str, error: Exception) -> Exception:
    """Convert the error of a script to `RecordUnreadable` if it reports damage."""
    _, is_damaged, fault = str(error).partition("DAMAGED ")
    if not is_damaged:
        return error
    return RecordUnreadable(f"The record of job {job_id} in Redis is damaged: {fault}.")


def _flat(fields: Mapping[Any, Any]) -> Iterable[Any]:
    return chain.from_iterable(fields.items())
