"""Erases images, truths, datasets and jobs: at once everything that a client can reach, and in
sweeps the objects derived from it, because running jobs may still write some."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from math import inf

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
from roadmask.schemas.ids import check_dataset_name, uploaded_id
from roadmask.schemas.images import Image
from roadmask.schemas.jobs import Lane
from storage.access.caller import Caller, owner_alone
from storage.access.ownership import Kind, Ownership
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.index import BATCH
from storage.connections import raise_outage, records_guard
from storage.erasure.erasure import Erased, Erasure, ErasureRecords
from storage.erasure.redactor import Redactor
from storage.jobs.job_file import delete_job, read_job_file, stored_job_ids
from storage.jobs.keys import DUE_DELIVERIES, FINALIZING, JOBS, all_parts, job_key, open_key
from storage.jobs.records import JobRecords
from storage.jobs.results import unsealed_results
from storage.objects.keys import image_key, thumbnail_prefix, truth_key, upload_marker_key
from storage.objects.listing import delete_found
from storage.objects.store import ObjectStore
from storage.redis_text import texts
from storage.scheduler.periodic import Periodic
from storage.wall_clock import wall_ms

log = logging.getLogger(__name__)

LOCK = "rm:eraser"
"""Lock of the process that sweeps; expires unless it is renewed."""
LOCK_S = 300


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
        self._redactor = Redactor(redis, store, self._uploaded)
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
            return sum(map(self._try_to_finish, self.records.pending()))
        finally:
            renewal.stop()
            # If this process was paused, another process may have the lock.
            with records_guard(), suppress(LockError):
                lock.release()

    def _try_to_finish(self, erasure: Erasure) -> bool:
        """Sweep once for an erasure; return whether it is finished. A failure is only logged."""
        try:
            # Read again, because the sweeps of earlier erasures may have taken long.
            erasure = self.records.get(erasure.id)
            # Until an erasure is settled, a worker that had read the bytes may write their mask.
            since = erasure.hidden_ms or erasure.requested_ms
            settled = wall_ms() - since >= self._settle_ms
            if erasure.finished_ms:
                # The process that finished it died before it deleted the pending record.
                self.records.save(erasure)
                return True
            if erasure.hidden_ms is None:
                if not settled:
                    return False  # the process that began the erasure may still hide it
                # That process has died, or the store was unavailable.
                erasure = self._hide(erasure, before_ms=erasure.requested_ms)
                settled = False
            erasure = erasure.counted(self._sweep(erasure))
        except Exception as error:
            raise_outage(error, self._store)
            log.error("the erasure %s of %s is retried: %r", erasure.id, erasure.name, error)
            return False
        if settled:
            self._finished(erasure)
        else:
            self.records.save(erasure)
        return settled

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
        objects = self._delete_if(partial(self._is_alone, erasure, "truths", sha256), key)
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
        objects += sum(map(self._delete_bytes, erasure.images))
        # The owners come last, because an upload without an owner is visible to all keys.
        self._forget_owners(erasure, before_ms)
        return objects

    def _entries(self, erasure: Erasure, seen: Catalogue) -> Iterator[Image]:
        """The entries to erase: those of the uploads, and those of the requested names."""
        yield from _uploads(seen, erasure.images)
        if erasure.kind is Erased.DATASET:
            yield from seen.walk(f"{erasure.name}/")
        else:
            yield from filter(None, seen.get_many([erasure.name]))

    def _forget_owners(self, erasure: Erasure, before_ms: float) -> None:
        uploaded = self._uploaded(erasure.images)
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

    def _uploaded(self, hashes: Collection[str]) -> set[str]:
        """Filter the images that are uploaded, by sha256."""
        return {image.sha256 for image in _uploads(self._catalogue, hashes)}

    def _delete_bytes(self, sha256: str) -> int:
        """Delete the bytes of an image, unless it was uploaded again."""
        if self._uploaded([sha256]):
            return 0
        thumbnails = list(self._store.keys(thumbnail_prefix(sha256)))
        objects = delete_found(self._store, *thumbnails)
        return objects + self._delete_if(lambda: not self._uploaded([sha256]), image_key(sha256))

    def _delete_if(self, is_unused: Callable[[], bool], key: str) -> int:
        """Delete bytes that are unused, and store them again if they were uploaded meanwhile."""
        if not is_unused():
            return 0
        with suppress(ObjectNotFound):
            content_type, data = self._store.info(key).content_type, self._store.get(key)
            self._store.delete(key)
            if is_unused():
                return 1
            # The upload found the bytes in the store before they were deleted.
            self._store.put(key, data, content_type)
        return 0

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

    # Derived objects
    def _sweep(self, erasure: Erasure) -> int:
        if erasure.kind is Erased.JOB:
            self._forget_job(erasure.name)
        # An erasure by the operator leaves the results of keys that still have the bytes.
        references = erasure.references if erasure.owner is not None else ()
        wanted = {*erasure.images, *references}
        if not wanted:
            return 0
        gone = set(erasure.images) - self._uploaded(erasure.images)
        objects = self._remove_other_names(erasure, gone)
        damaged: Exception | None = None
        for job_id in stored_job_ids(self._store):
            # A job that is newer than the erasure may be for images that were uploaded again.
            erased = wanted if job_id < erasure.id else gone
            try:
                if erasure.owner is None or erasure.owner == self._owner(job_id):
                    objects += self._redactor.redact(job_id, erased, gone)
            except Exception as error:
                raise_outage(error, self._store)
                damaged = error
        for sha256 in gone:
            objects += self._delete_bytes(sha256)
        if damaged:  # raised last, so that one damaged job does not protect the others
            raise damaged
        return objects

    def _remove_other_names(self, erasure: Erasure, gone: set[str]) -> int:
        """Remove entries of the same bytes under other names. Returns the number of objects."""
        references = erasure.references if erasure.kind is Erased.IMAGE else ()
        removed = 0
        for image in self._catalogue.walk(""):
            is_older = image.created_at.timestamp() * 1000 < erasure.requested_ms
            if not (image.sha256 in gone or (image.sha256 in references and is_older)):
                continue
            marker = self._ownership.dataset(image.dataset) if image.dataset else None
            is_own = erasure.owner is None or (marker and marker.owner == erasure.owner)
            if is_own and not (image.sha256 in gone and self._uploaded([image.sha256])):
                removed += self._catalogue.remove(image)
        return removed

    def _owner(self, job_id: str) -> str | None:
        """The owner of a job whose record may have expired in Redis."""
        with suppress(JobNotFound, ObjectNotFound, RecordUnreadable):
            return self._jobs.owner(job_id) or read_job_file(self._store, job_id).owner
        return None

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
        return self.records.save(replace(erasure, finished_ms=wall_ms()))


def _uploads(seen: Catalogue, hashes: Collection[str]) -> Iterator[Image]:
    """The entries of the uploaded images among these hashes, one batch in memory at once."""
    ids = map(uploaded_id, hashes)
    while batch := list(islice(ids, BATCH)):
        yield from filter(None, seen.get_many(batch))
