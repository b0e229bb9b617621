"""The archive: final records of jobs in the object store."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter
from redis import Redis

from roadmask.errors import ObjectNotFound, RecordUnreadable
from roadmask.schemas.jobs import FINAL_STATES
from roadmask.schemas.media_types import JSON
from roadmask.settings import Settings
from storage.jobs.keys import (
    FINALIZING,
    confusion_key,
    items_key,
    job_ids,
    job_key,
    unsealed_key,
)
from storage.jobs.lua.status_reply import StatusReply
from storage.jobs.results import Results, matrix
from storage.jobs.scripts import JobScripts
from storage.jobs.status import build_status
from storage.objects.keys import job_prefix
from storage.objects.store import ObjectStore
from storage.redis_text import mapping
from storage.stored_record import FORMAT, read_record


@dataclass(frozen=True, slots=True)
class FinalRecord:
    """The record of an ended job (`done.json`). With the sealed results, it restores the job."""

    record: dict[str, str]
    confusion: dict[str, int]
    items: str
    """One byte per item, compressed by zlib, base64."""
    record_format: int = FORMAT

    def item_bytes(self) -> bytes:
        """Return one byte per item: its attempts and its state."""
        return zlib.decompress(base64.b64decode(self.items))


_FINAL_RECORD = TypeAdapter(FinalRecord)


def final_record_key(job_id: str) -> str:
    """Key of an ended job's final record."""
    return f"{job_prefix(job_id)}done.json"


def read_final_record(store: ObjectStore, job_id: str) -> FinalRecord | None:
    """Read the final record of a job; None when the job is not archived.

    Raises `RecordUnreadable`.
    """
    key = final_record_key(job_id)
    try:
        final = read_record(store, key, _FINAL_RECORD)
    except ObjectNotFound:
        return None
    try:
        _check(job_id, final)
    except Exception as error:  # a wrong number raises half a dozen classes
        raise RecordUnreadable(f"{key} cannot be read: {error!r}.") from None
    return final


def _check(job_id: str, final: FinalRecord) -> None:
    """Raise an exception unless the job can be restored from this record and shown."""
    record = final.record
    matrix(final.confusion)
    job = build_status(job_id, StatusReply(record, final.confusion, "0-0", None)).job
    if job.state not in FINAL_STATES or job.finished_at is None:
        raise ValueError("it is not the record of an ended job")
    if not job.model or int(record["chunk_size"]) < 1 or int(record["round"]) < 0:
        raise ValueError("its fields have wrong values")
    if len(final.item_bytes()) != job.counts.total:
        raise ValueError("it does not have one byte for each item")


class JobArchive:
    """Archives finalized jobs. Several processes may archive the same job at once."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        scripts: JobScripts,
        results: Results,
        settings: Settings,
    ) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts
        self._results = results
        self._retention_s = settings.retention_s

    def waiting(self) -> list[str]:
        """Return the finalized jobs that are not archived yet, sorted."""
        return sorted(job_ids(self._redis.smembers(FINALIZING)))

    def add(self, job_id: str) -> bool:
        """Seal a finalized job's results, write its final record, and let its Redis record expire.

        False if the job is open, unknown, or was retried meanwhile.
        """
        final, unsealed = self._read(job_id)
        if final and unsealed:
            for chunk in unsealed:
                self._results.seal(job_id, int(chunk))
            # The job may have been retried while its results were sealed.
            final, _ = self._read(job_id)
        if final is None:
            return False
        self._store.put(final_record_key(job_id), json.dumps(asdict(final)).encode(), JSON)
        return self._scripts.mark_archived(job_id, int(final.record["round"]), self._retention_s)

    def _read(self, job_id: str) -> tuple[FinalRecord | None, set[bytes]]:
        """The final record of a job, None while it is open, and its unsealed chunks."""
        with self._redis.pipeline() as pipe:
            pipe.hgetall(job_key(job_id))
            pipe.hgetall(confusion_key(job_id))
            pipe.get(items_key(job_id))
            pipe.smembers(unsealed_key(job_id))
            raw, cells, items, unsealed = pipe.execute()
        record = mapping(raw)
        if record.get("state") not in FINAL_STATES:
            return None, unsealed
        confusion = {cell: int(pixels) for cell, pixels in mapping(cells).items()}
        packed = base64.b64encode(zlib.compress(items)).decode()
        return FinalRecord(record, confusion, packed), unsealed
