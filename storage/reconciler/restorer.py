"""Restores a job that Redis lost from its objects in the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from redis import Redis

from roadmask.errors import ObjectNotFound, RecordUnreadable
from roadmask.schemas.jobs import JobState, Lane
from roadmask.settings import Settings
from storage.access.job_sharing import READERS, stored_readers
from storage.jobs.archive import FinalRecord, final_record_key, read_final_record
from storage.jobs.job_file import JobFile, begin_round, chunk_size, read_job_file
from storage.jobs.keys import (
    ACCEPTING,
    RESULTS,
    all_parts,
    creation_ms,
    job_key,
    open_key,
)
from storage.jobs.manifest import count_items
from storage.jobs.results import cells
from storage.jobs.scripts import Fields, JobScripts
from storage.objects.keys import job_file_key
from storage.objects.store import ObjectStore
from storage.reconciler.sealed_results import SealedResults, last_sealed_chunk
from storage.reconciler.unreadable import UnreadableRecords
from storage.redis_text import now_ms, text
from storage.webhooks.deliveries import Deliveries

log = logging.getLogger(__name__)


class StoredJob(NamedTuple):
    """A job that has objects in the store."""

    id: str
    was_worked_on: bool
    """Whether the job has results or a final record, so that it was certainly accepted."""


class JobRestorer:
    """Restores the record of a job. Damaged objects end only their own job, with a cause."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        scripts: JobScripts,
        deliveries: Deliveries,
        unreadable: UnreadableRecords,
        settings: Settings,
    ) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts
        self._deliveries = deliveries
        self._unreadable = unreadable
        self._retention_s = settings.retention_s

    def restore(self, job: StoredJob) -> bool:
        """Restore a job. Returns whether a record was written.

        Nothing is written for a job that was never accepted or whose retention has ended. If Redis
        has the job, it is entered into the indexes that lack it, and only the damaged record of an
        open job is replaced. Raises the errors of redis-py and `StoreUnavailable`.
        """
        if self._redis.exists(job_key(job.id)):
            return self._index(job.id)
        if self._is_being_accepted(job.id):
            return False
        try:
            file = read_job_file(self._store, job.id)
        except ObjectNotFound as error:
            # A job with a manifest but without results was never accepted.
            return job.was_worked_on and self._restore_without_file(job.id, error)
        except RecordUnreadable as error:
            return self._restore_without_file(job.id, error)
        if not job.was_worked_on and self._has_lost_its_key(file):
            return False
        try:
            final = read_final_record(self._store, job.id)
        except RecordUnreadable as error:
            self._unreadable.skip(final_record_key(job.id), error)
            # After a retry, the final record may be of an earlier round.
            return self._restore_open(file) if file.retried else self._restore_unfinished(file)
        # The final record of a rebuilt job may have a later round than the file.
        if final is None or int(final.record["round"]) < file.round:
            return self._restore_open(file)
        return self._restore_ended(job.id, final, file)

    def restore_again(self, job_id: str) -> None:
        """Restore a job whose file was unreadable when it was restored before.

        Raises `RecordUnreadable` and `ObjectNotFound` if the file is still unreadable.
        """
        read_job_file(self._store, job_id)
        reason = self._redis.hget(job_key(job_id), "reason")
        if reason is not None and text(reason) == "job_file_unreadable":
            self._discard(job_id)
        self.restore(StoredJob(job_id, was_worked_on=True))

    def replace_damaged(self, job_id: str) -> bool:
        """Replace the damaged record of an open job by one from its objects.

        Items whose results were not sealed are queued again, and all leases end. A job without
        objects is removed from the open jobs. Raises the errors of `restore`.
        """
        has_record = bool(self._redis.exists(job_key(job_id)))
        with suppress(ObjectNotFound, RecordUnreadable):
            read_job_file(self._store, job_id)  # raises `StoreUnavailable` before any change
        self._discard(job_id)
        if self.restore(StoredJob(job_id, was_worked_on=has_record)):
            return True
        if not self._redis.exists(job_key(job_id)):
            for lane in Lane:
                self._redis.zrem(open_key(lane), job_id)
        return False

    def _index(self, job_id: str) -> bool:
        """Enter a job into the indexes that lack it. Returns whether its record was replaced."""
        try:
            self._scripts.index_job(job_id)
        except RecordUnreadable as error:
            log.error("%s", error.detail)
            return self.replace_damaged(job_id)
        return False

    def _discard(self, job_id: str) -> None:
        """Delete the record of a job and its unsealed results."""
        results = self._redis.scan_iter(f"{job_key(job_id)}{RESULTS}*", count=1000)
        self._redis.delete(*all_parts(job_id), *results)

    def _is_being_accepted(self, job_id: str) -> bool:
        return self._redis.zscore(ACCEPTING, job_id) is not None

    def _has_lost_its_key(self, file: JobFile) -> bool:
        """Whether another job was accepted with the Idempotency-Key of this job."""
        if file.idempotency_key is None:
            return False
        holder = self._redis.hget(file.idempotency_key, "job")
        if holder is None or text(holder) == file.id:
            return False
        apart_ms = abs(creation_ms(text(holder)) - file.created_ms)
        if apart_ms > self._retention_s * 1000:
            return False  # The key had expired, and was used again.
        log.warning(
            "job %s is not restored: no client was promised it, because job %s has its "
            "Idempotency-Key",
            file.id,
            text(holder),
        )
        return True

    def _restore_open(self, file: JobFile) -> bool:
        """Restore a job that had not ended: sealed items stay, the others are queued again."""
        sealed = SealedResults.read(self._store, file)
        record = file.record() | sealed.counts()
        record |= {"state": JobState.QUEUED, "created": file.created_ms, "round": file.round + 1}
        if file.deadline is not None:
            record["deadline"] = file.deadline
        if not self._write(file, record, bytes(sealed.items), cells(sealed.confusion)):
            return False
        # Written after the record, so that two processes that restore the job begin one round.
        begin_round(self._store, file.id, file.round + 1)
        return True

    def _restore_unfinished(self, file: JobFile) -> bool:
        """Restore a job that had ended, but whose final record is unreadable."""
        sealed = SealedResults.read(self._store, file)
        if sealed.succeeded + sealed.failed == file.total:
            return self._restore_open(file)
        return self._write_failed(file, sealed, "final_record_unreadable")

    def _restore_without_file(self, job_id: str, error: RecordUnreadable | ObjectNotFound) -> bool:
        """Restore a job without its file: from its final record, or else as failed."""
        try:
            final = read_final_record(self._store, job_id)
        except RecordUnreadable:
            final = None
        key = job_file_key(job_id)
        if isinstance(error, ObjectNotFound):
            error = RecordUnreadable(f"{key} is missing.")
        self._unreadable.skip(key, error)
        if final is not None:
            return self._restore_ended(job_id, final, None)
        if now_ms(self._redis) - creation_ms(job_id) > self._retention_s * 1000:
            return False
        items = count_items(self._store, job_id)
        file = _unknown_job(job_id, max(items, last_sealed_chunk(self._store, job_id) + 1, 1))
        sealed = SealedResults.read(self._store, file)
        return self._write_failed(file, sealed, "job_file_unreadable")

    def _write_failed(self, file: JobFile, sealed: SealedResults, reason: str) -> bool:
        log.error("job %s ends as failed: %s", file.id, reason)
        ended: Fields = {
            "state": JobState.FAILED,
            "reason": reason,
            "created": file.created_ms,
            "finished": now_ms(self._redis),
        }
        record = {**file.record(), **sealed.counts(), **ended}
        return self._write(file, record, bytes(sealed.items), cells(sealed.confusion))

    def _restore_ended(self, job_id: str, final: FinalRecord, file: JobFile | None) -> bool:
        age_s = (now_ms(self._redis) - int(final.record["finished"])) // 1000
        remaining_s = min(self._retention_s - age_s, self._retention_s)
        if remaining_s <= 0:
            return False
        file = file or _unknown_job(job_id, int(final.record["total"]))
        items = final.item_bytes()
        if not self._write(file, final.record, items, final.confusion, remaining_s):
            return False
        self._deliveries.restore(job_id, int(final.record["round"]))
        return True

    def _write(
        self,
        file: JobFile,
        record: Fields,
        items: bytes,
        confusion: Mapping[str, int],
        retention_s: int | None = None,
    ) -> bool:
        if readers := str(stored_readers(self._store, file.id)):
            record = {**record, READERS: readers}
        return self._scripts.restore_job(
            file.id,
            record,
            items,
            confusion,
            idempotency_key=file.idempotency_key,
            fingerprint=file.fingerprint,
            retention_s=self._retention_s if retention_s is None else retention_s,
        )


def _unknown_job(job_id: str, total: int) -> JobFile:
    """A file for a job whose own file is missing or damaged."""
    return JobFile(
        id=job_id,
        created_ms=creation_ms(job_id),
        total=total,
        chunk_size=chunk_size(total),
        lane=Lane.BATCH,
        model="unknown",
        name=None,
        error_threshold=None,
        deadline_ms=None,
        idempotency_key=None,
        fingerprint="",
    )
