"""Erases images, truths, datasets and jobs: at once everything that a client can reach, and in
sweeps the objects derived from it, because running jobs may still write some."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from math import inf
from typing import NamedTuple

from redis import Redis
from redis.exceptions import LockError

from roadmask.errors import (
    DatasetNotFound,
    InsufficientScope,
    JobNotFound,
    ObjectNotFound,
    RecordUnreadable,
    TruthNotFound,
)
from roadmask.schemas.ids import check_dataset_name
from roadmask.schemas.images import Image
from roadmask.schemas.jobs import Lane
from storage.access.caller import Caller, owner_alone
from storage.access.ownership import Kind, Ownership
from storage.catalogue.catalogue import Catalogue
from storage.connections import raise_outage, records_guard
from storage.erasure.erasure import Erased, Erasure, ErasureRecords
from storage.erasure.redactor import Redactor
from storage.erasure.sweeper import Sweeper
from storage.erasure.upload_bytes import UploadBytes, uploads
from storage.jobs.job_file import delete_job, read_job_file
from storage.jobs.keys import DUE_DELIVERIES, FINALIZING, JOBS, all_parts, job_key, open_key
from storage.jobs.records import JobRecords
from storage.jobs.results import unsealed_results
from storage.objects.keys import truth_key, upload_marker_key
from storage.objects.store import ObjectStore
from storage.redis_text import texts
from storage.scheduler.periodic import Periodic
from storage.wall_clock import wall_ms

log = logging.getLogger(__name__)

LOCK = "rm:eraser"
"""Lock of the process that sweeps; expires unless it is renewed."""
LOCK_S = 300


class _Resumed(NamedTuple):
    """A pending erasure that is swept now."""

    erasure: Erasure
    is_settled: bool
    """Whether no running job can write anything more that is to be erased."""


class Eraser:
    """Every method is idempotent, and may raise `RecordsUnavailable` and `StoreUnavailable`."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        catalogue: Catalogue,
        ownership: Ownership,
        records: JobRecords,
        settle_s: float,
    ) -> None:
        self._redis = redis
        self._store = store
        self._catalogue = catalogue
        self._ownership = ownership
        self._jobs = records
        self._bytes = UploadBytes(store, catalogue)
        redactor = Redactor(redis, store, self._bytes.uploaded)
        self._sweeper = Sweeper(store, catalogue, ownership, records, redactor, self._bytes)
        self._settle_ms = int(settle_s * 1000)
        self.records = ErasureRecords(store)

    def image(self, caller: Caller, image_id: str) -> Erasure:
        """Erase an image under all names that the caller may delete, with its masks and results.

        The bytes stay if another key also uploaded them, or if all keys share them. Raises
        `ImageNotFound` and `InsufficientScope`.
        """
        image = self._catalogue.seen_by(caller).get(image_id)
        self._check_may_delete(caller, image)
        erasure = self.records.begin(Erased.IMAGE, image_id, caller)
        if self._is_alone(erasure, "images", image.sha256):
            erasure = replace(erasure, images=(image.sha256,))
        else:
            erasure = replace(erasure, references=(image.sha256,))
        return self._begin(erasure)

    def dataset(self, caller: Caller, name: str) -> Erasure:
        """Erase a dataset and those of its images that no other dataset or key has.

        Raises `DatasetNotFound` and `InsufficientScope`.
        """
        check_dataset_name(name)
        images = self._catalogue.seen_by(caller).walk(f"{name}/")
        first = next(images, None)
        if first is None:
            raise DatasetNotFound(f"There is no dataset {name!r}. GET /v1/datasets lists them.")
        self._check_may_delete(caller, first)
        hashes = dict.fromkeys(image.sha256 for image in chain([first], images))
        gone, kept = self._divide(name, hashes)
        erasure = self.records.begin(Erased.DATASET, name, caller)
        return self._begin(replace(erasure, images=tuple(gone), references=tuple(kept)))

    def truth(self, caller: Caller, sha256: str) -> Erasure:
        """Erase an annotated mask. Its images stay, without a truth.

        Raises `TruthNotFound` and `InsufficientScope`.
        """
        if self._catalogue.seen_by(caller).missing("truths", [sha256]):
            raise TruthNotFound("There is no annotated mask with this sha256.")
        if not caller.sees_all and caller.owner not in self._ownership.owners_of("truths", sha256):
            raise InsufficientScope(
                "This annotated mask is shared by all keys: only a key with the scope `admin` "
                "deletes it."
            )
        return self._finished(self._begin(self.records.begin(Erased.TRUTH, sha256, caller)))

    def job(self, caller: Caller, job_id: str) -> Erasure:
        """Erase a job: its record, results and deliveries. An open job is canceled first.

        Its masks belong to its images and stay. Raises `JobNotFound`.
        """
        job_key(job_id)  # raises `JobNotFound` for an invalid id
        is_known = self._jobs.exists(job_id)
        file = None
        with suppress(ObjectNotFound, RecordUnreadable):
            file = read_job_file(self._store, job_id)
        if not (is_known or file):
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        # The record of an ended job expires in Redis, but the store keeps the job.
        owner = self._jobs.owner(job_id) if is_known or not file else file.owner
        if not caller.owns(owner):
            if not is_known:
                raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
            raise InsufficientScope(
                f"Job {job_id} is shared by all keys: only a key with the scope `admin` deletes it."
            )
        if is_known:
            self._jobs.cancel(job_id)
        return self._begin(self.records.begin(Erased.JOB, job_id, caller))

    def sweep(self) -> int:
        """Finish pending erasures, unless another process does; return how many were finished."""
        lock = self._redis.lock(LOCK, LOCK_S, blocking=False, thread_local=False)
        with records_guard():
            if not lock.acquire():
                if self._redis.ttl(LOCK) == -1:  # restored from a backup, it would never expire
                    self._redis.expire(LOCK, LOCK_S)
                return 0
        renewal = Periodic("lock of the eraser", LOCK_S / 3, lock.reacquire)
        renewal.start()
        try:
            return self._finish_pending()
        finally:
            renewal.stop()
            # If this process was paused, another process may have the lock.
            with records_guard(), suppress(LockError):
                lock.release()

    def _finish_pending(self) -> int:
        """Sweep once for all pending erasures; return how many are finished."""
        finished = 0
        resumed = list(filter(None, map(self._try_to_resume, self.records.pending())))
        swept = self._sweeper.sweep(
            each.erasure for each in resumed if not each.erasure.finished_ms
        )
        for erasure, is_settled in resumed:
            outcome = swept.get(erasure.id, 0)
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                erasure = erasure.counted(outcome)
                if is_settled:
                    self._finished(erasure)
                elif outcome:
                    self.records.save(erasure)
                finished += is_settled
            except Exception as error:
                self._log_failure(erasure, error)
        return finished

    def _try_to_resume(self, erasure: Erasure) -> _Resumed | None:
        """Hide what an interrupted erasure left; None if it is not to be swept now. A failure is
        only logged.
        """
        try:
            # Read again, because hiding those before it may have taken long.
            erasure = self.records.get(erasure.id)
            # Until an erasure is settled, a worker that had read the bytes may write their mask.
            since = erasure.hidden_ms or erasure.requested_ms
            is_settled = wall_ms() - since >= self._settle_ms
            if erasure.finished_ms:
                # The process that finished it died before it deleted the pending record.
                return _Resumed(erasure, is_settled=True)
            if erasure.hidden_ms is None:
                if not is_settled:
                    return None  # the process that began the erasure may still hide it
                # That process has died, or the store was unavailable.
                erasure = self.records.save(self._hide(erasure, before_ms=erasure.requested_ms))
                is_settled = False
            if erasure.kind is Erased.JOB:
                self._forget_job(erasure.name)
        except Exception as error:
            self._log_failure(erasure, error)
            return None
        return _Resumed(erasure, is_settled)

    def _log_failure(self, erasure: Erasure, error: Exception) -> None:
        raise_outage(error, self._store)
        log.error("the erasure %s of %s is retried: %r", erasure.id, erasure.name, error)

    def _divide(self, name: str, hashes: dict[str, None]) -> tuple[list[str], list[str]]:
        """Divide the hashes of a dataset's images: those that only its owner has, and the others.

        Images that are also in another dataset are in neither list.
        """
        marker = self._ownership.dataset(name)
        owners = {marker.owner} if marker else set()
        for other in self._catalogue.walk(""):
            if other.dataset not in (None, name):
                hashes.pop(other.sha256, None)
        gone: list[str] = []
        kept: list[str] = []
        for sha256 in hashes:
            is_alone = self._ownership.owners_of("images", sha256) == owners
            (gone if is_alone else kept).append(sha256)
        return gone, kept

    def _is_alone(self, erasure: Erasure, kind: Kind, sha256: str) -> bool:
        """Whether the owner of an erasure is the only owner of these bytes."""
        owner = erasure.owner
        return owner is None or self._ownership.owners_of(kind, sha256) == {owner}

    # Objects that a client can reach

    def _begin(self, erasure: Erasure) -> Erasure:
        # The record comes first: from here on a sweep finishes the erasure if this process dies.
        return self.records.save(self._hide(self.records.save(erasure)))

    def _hide(self, erasure: Erasure, before_ms: float = inf) -> Erasure:
        """Remove everything that clients can reach and that is older than `before_ms`."""
        if erasure.kind is Erased.JOB:
            self._forget_job(erasure.name)
            objects = 0
        elif erasure.kind is Erased.TRUTH:
            objects = self._erase_truth(erasure, before_ms)
        else:
            objects = self._erase_images(erasure, before_ms)
        return replace(erasure.counted(objects), hidden_ms=wall_ms())

    def _erase_truth(self, erasure: Erasure, before_ms: float) -> int:
        sha256, key = erasure.name, truth_key(erasure.name)
        with suppress(ObjectNotFound):
            if self._store.info(key).modified.timestamp() * 1000 > before_ms:
                return 0  # it was uploaded again
        # The bytes come first: a concurrent new entry is then either found or fails its check.
        objects = self._bytes.delete_if(partial(self._is_alone, erasure, "truths", sha256), key)
        self._catalogue.report_damaged("truths", sha256)
        objects += self._catalogue.seen_by(owner_alone(erasure.owner)).drop_truth(sha256)
        # The owner comes last, because an upload without an owner is visible to all keys.
        self._forget_upload(erasure.owner, "truths", sha256, before_ms)
        return objects

    def _forget_upload(self, owner: str | None, kind: Kind, sha256: str, before_ms: float) -> None:
        if not self._has_since(owner, kind, sha256, before_ms):
            self._ownership.forget_upload(owner, kind, sha256)

    def _has_since(self, owner: str | None, kind: Kind, sha256: str, since_ms: float) -> bool:
        """Whether an owner has uploaded these bytes again since this time."""
        if owner is None or since_ms == inf:
            return False
        with suppress(ObjectNotFound):
            marker = self._store.info(upload_marker_key(owner, f"{kind}/{sha256}"))
            return marker.modified.timestamp() * 1000 >= since_ms
        return False

    def _erase_images(self, erasure: Erasure, before_ms: float) -> int:
        seen = self._catalogue.seen_by(owner_alone(erasure.owner))
        objects = 0
        for image in self._entries(erasure, seen):
            is_older = image.created_at.timestamp() * 1000 < before_ms
            # All owners of an upload share its entry, so its age alone does not decide.
            if is_older and not self._has_since(erasure.owner, "images", image.sha256, before_ms):
                objects += seen.remove(image)
        objects += sum(map(self._bytes.delete_image, erasure.images))
        # The owners come last, because an upload without an owner is visible to all keys.
        self._forget_owners(erasure, before_ms)
        return objects

    def _entries(self, erasure: Erasure, seen: Catalogue) -> Iterator[Image]:
        """The entries to erase: those of the uploads, and those of the requested names."""
        yield from uploads(seen, erasure.images)
        if erasure.kind is Erased.DATASET:
            yield from seen.walk(f"{erasure.name}/")
        else:
            yield from filter(None, seen.get_many([erasure.name]))

    def _forget_owners(self, erasure: Erasure, before_ms: float) -> None:
        uploaded = self._bytes.uploaded(erasure.images)
        for sha256 in erasure.images:
            # An image that was uploaded again keeps its owner.
            if sha256 not in uploaded or not self._is_alone(erasure, "images", sha256):
                self._forget_upload(erasure.owner, "images", sha256, before_ms)
        is_dataset = erasure.kind is Erased.DATASET
        marker = self._ownership.dataset(erasure.name) if is_dataset else None
        if owner := erasure.owner or (marker and marker.owner):
            for sha256 in erasure.references:
                self._forget_upload(owner, "images", sha256, before_ms)
        if is_dataset and next(self._catalogue.walk(f"{erasure.name}/"), None) is None:
            self._ownership.forget_dataset(erasure.name)

    def _check_may_delete(self, caller: Caller, image: Image) -> None:
        if caller.sees_all:
            return
        if image.dataset:
            own = self._ownership.may_change(caller, image.dataset)
        else:
            own = caller.owner in self._ownership.owners_of("images", image.sha256)
        if not own:
            raise InsufficientScope(
                f"{image.id} belongs to another key, or is shared by all. The key that it belongs "
                "to deletes it, or one with the scope `admin`."
            )

    # Jobs

    def _forget_job(self, job_id: str) -> None:
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            for member in texts(self._redis.zrange(DUE_DELIVERIES, 0, -1)):
                if member.startswith(f"{job_id} "):
                    pipe.zrem(DUE_DELIVERIES, member)
            for lane in Lane:
                pipe.zrem(open_key(lane), job_id)
            pipe.srem(FINALIZING, job_id)
            pipe.zrem(JOBS, job_id)
            pipe.delete(*all_parts(job_id), *unsealed_results(self._redis, job_id))
            pipe.execute()
        delete_job(self._store, job_id)

    def _finished(self, erasure: Erasure) -> Erasure:
        log.info("erased %s %s", erasure.kind, erasure.name)
        return self.records.save(replace(erasure, finished_ms=erasure.finished_ms or wall_ms()))
