"""Erases images, truths, datasets and jobs: at once what a client can reach, and what was derived
from it in sweeps, because running jobs may still write.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from redis import Redis

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
from storage.access.caller import Caller
from storage.access.ownership import Ownership
from storage.catalogue.catalogue import Catalogue
from storage.connections import is_outage, records_guard
from storage.erasure.erasure import Erased, Erasure, ErasureRecords
from storage.jobs.job_file import delete_job, read_job_file, stored_job_ids
from storage.jobs.keys import DUE_DELIVERIES, FINALIZING, JOBS, all_parts, job_key, open_key
from storage.jobs.manifest import each_item
from storage.jobs.records import JobRecords
from storage.jobs.results import JSONL, Line, parse_sealed, results_prefix
from storage.objects.keys import confidence_key, facts_key, image_key, thumbnail_prefix, truth_key
from storage.objects.store import ObjectStore
from storage.redis_text import texts

log = logging.getLogger(__name__)

LOCK = "rm:eraser"
"""The process that sweeps; expires."""
LOCK_S = 300


class Eraser:
    """Every method may raise `RecordsUnavailable` and `StoreUnavailable`; it can be repeated."""

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
        self._settle_ms = int(settle_s * 1000)
        self.records = ErasureRecords(store)

    def image(self, caller: Caller, image_id: str) -> Erasure:
        """Erase an image: under all names that the caller may delete, with all that was made of it.

        Bytes that another key uploaded, too, or that all keys share, stay. Raises `ImageNotFound`,
        `InsufficientScope`.
        """
        image = self._catalogue.seen_by(caller).get(image_id)
        self._check_may_delete(caller, image)
        erasure = self.records.begin(Erased.IMAGE, image_id, caller)
        owners = self._ownership.owners_of("images", image.sha256)
        is_alone = erasure.owner is None or owners == {erasure.owner}
        if is_alone:
            erasure = replace(erasure, images=(image.sha256,))
        else:
            erasure = replace(erasure, references=(image.sha256,))
        return self._erase_images(caller, erasure, [image])

    def dataset(self, caller: Caller, name: str) -> Erasure:
        """Erase a dataset with those of its images that no other dataset or key has.

        Raises `DatasetNotFound`, `InsufficientScope`.
        """
        check_dataset_name(name)
        images = list(self._catalogue.seen_by(caller).walk(f"{name}/"))
        if not images:
            raise DatasetNotFound(f"There is no dataset {name!r}. GET /v1/datasets lists them.")
        self._check_may_delete(caller, images[0])
        marker = self._ownership.dataset(name)
        gone, kept = self._divide(images, {marker.owner} if marker else set())
        erasure = self.records.begin(Erased.DATASET, name, caller)
        # An operator erases no results of keys that have the bytes.
        references = kept if erasure.owner is not None else []
        erasure = replace(erasure, images=tuple(gone), references=tuple(references))
        erasure = self._erase_images(caller, erasure, images)
        self._ownership.forget_dataset(name)
        if marker and erasure.owner is None:
            for sha256 in kept:
                self._ownership.forget_upload(marker.owner, "images", sha256)
        return erasure

    def truth(self, caller: Caller, sha256: str) -> Erasure:
        """Erase an annotated mask; images that have it go on without.

        Raises `TruthNotFound`, `InsufficientScope`.
        """
        if self._catalogue.seen_by(caller).missing("truths", [sha256]):
            raise TruthNotFound("There is no annotated mask with this sha256.")
        if not caller.sees_all and caller.owner not in self._ownership.owners_of("truths", sha256):
            raise InsufficientScope(
                "This annotated mask is shared by all keys: only a key with the scope `admin` "
                "deletes it."
            )
        erasure = self.records.save(self.records.begin(Erased.TRUTH, sha256, caller))
        owners = self._ownership.forget_upload(erasure.owner, "truths", sha256)
        seen = self._catalogue if erasure.owner is None else self._catalogue.seen_by(caller)
        objects = seen.drop_truth(sha256)
        if not owners:
            self._catalogue.report_damaged("truths", sha256)
            self._store.delete(truth_key(sha256))
            objects += 1
        return self._finished(erasure.counted(objects))

    def job(self, caller: Caller, job_id: str) -> Erasure:
        """Erase a job: its record, results and deliveries. A running one is canceled first.

        Its masks belong to its images and stay. Raises `JobNotFound`.
        """
        job_key(job_id)  # any other text is no id
        is_known = self._jobs.exists(job_id)
        file = None
        with suppress(ObjectNotFound, RecordUnreadable):
            file = read_job_file(self._store, job_id)
        if not (is_known or file):
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        # Redis forgets ended jobs, and the store keeps their results.
        owner = self._jobs.owner(job_id) if is_known or not file else file.owner
        if not caller.owns(owner):
            if not is_known:
                raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
            raise InsufficientScope(
                f"Job {job_id} is shared by all keys: only a key with the scope `admin` deletes it."
            )
        if is_known:
            self._jobs.cancel(job_id)
        erasure = self.records.save(self.records.begin(Erased.JOB, job_id, caller))
        self._forget_job(job_id)
        return erasure

    def sweep(self) -> int:
        """Finish pending erasures, unless another process does; return how many were finished."""
        with records_guard():
            if not self._redis.set(LOCK, b"1", nx=True, ex=LOCK_S):
                if self._redis.ttl(LOCK) == -1:  # as from a backup: it would never end
                    self._redis.expire(LOCK, LOCK_S)
                return 0
        try:
            return sum(map(self._try_to_finish, self.records.pending()))
        finally:
            with records_guard():
                self._redis.delete(LOCK)

    def _try_to_finish(self, erasure: Erasure) -> bool:
        """Sweep once for an erasure, which fails alone; return whether it is finished."""
        # A worker that had the bytes in hand writes its mask until then.
        settled = time.time() * 1000 - erasure.requested_ms > self._settle_ms
        try:
            erasure = erasure.counted(self._sweep(erasure))
        except Exception as error:
            if is_outage(error):
                raise
            self._store.check()  # raises if the whole store is away
            log.error("the erasure %s of %s goes on later: %r", erasure.id, erasure.name, error)
            return False
        if settled:
            self._finished(erasure)
        else:
            self.records.save(erasure)
        return settled

    def _divide(self, images: list[Image], owners: set[str]) -> tuple[list[str], list[str]]:
        """The bytes of a dataset of these owners that nobody else has, and those that others
        uploaded, too. Those that are in another dataset are in neither list.
        """
        hashes = dict.fromkeys(image.sha256 for image in images)
        for other in self._catalogue.walk(""):
            if other.dataset not in (None, images[0].dataset):
                hashes.pop(other.sha256, None)
        gone: list[str] = []
        kept: list[str] = []
        for sha256 in hashes:
            is_alone = self._ownership.owners_of("images", sha256) == owners
            (gone if is_alone else kept).append(sha256)
        return gone, kept

    def _erase_images(self, caller: Caller, erasure: Erasure, images: list[Image]) -> Erasure:
        # The record comes first: from here on the erasure is finished, whatever dies.
        self.records.save(erasure)
        seen = self._catalogue.seen_by(caller)
        # An upload that is there after this was uploaded again.
        uploads = seen.get_many([uploaded_id(sha256) for sha256 in erasure.images])
        objects = sum(seen.remove(upload) for upload in uploads if upload)
        for image in images:
            if image.dataset or image.sha256 not in erasure.images:
                objects += seen.remove(image)
        for sha256 in (*erasure.images, *erasure.references):
            self._ownership.forget_upload(erasure.owner, "images", sha256)
        for sha256 in erasure.images:
            objects += self._delete_bytes(sha256)
        return self.records.save(erasure.counted(objects))

    def _uploaded(self, hashes: Iterable[str]) -> set[str]:
        """Those of these images that are uploaded."""
        found = self._catalogue.get_many([uploaded_id(sha256) for sha256 in hashes])
        return {image.sha256 for image in found if image}

    def _delete_bytes(self, sha256: str) -> int:
        """Delete the bytes of an image, unless it is uploaded again."""
        if self._uploaded([sha256]):
            return 0
        objects = self._delete(*self._store.keys(thumbnail_prefix(sha256)))
        key = image_key(sha256)
        with suppress(ObjectNotFound):
            content_type, data = self._store.info(key).content_type, self._store.get(key)
            self._store.delete(key)
            if self._uploaded([sha256]):
                # The upload found the bytes in the store before they were deleted.
                self._store.put(key, data, content_type)
            else:
                objects += 1
        return objects

    def _delete(self, *keys: str) -> int:
        """Delete objects; return how many there were."""
        found = [key for key in keys if self._store.exists(key)]
        for key in found:
            self._store.delete(key)
        return len(found)

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

    # What was derived

    def _sweep(self, erasure: Erasure) -> int:
        if erasure.kind is Erased.JOB:
            self._forget_job(erasure.name)
            return 0
        wanted = {*erasure.images, *erasure.references}
        if not wanted:
            return 0
        gone = set(erasure.images) - self._uploaded(erasure.images)
        objects = self._remove_other_names(erasure, gone)
        for job_id in stored_job_ids(self._store):
            if erasure.owner is None or erasure.owner == self._owner(job_id):
                # A later job may be of images that were uploaded again.
                objects += self._redact(job_id, wanted if job_id < erasure.id else gone, gone)
        for sha256 in gone:
            objects += self._delete_bytes(sha256)
        return objects

    def _remove_other_names(self, erasure: Erasure, gone: set[str]) -> int:
        """Remove entries of the same bytes under other names."""
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
        """The owner of a job that Redis may have forgotten."""
        with suppress(JobNotFound, ObjectNotFound, RecordUnreadable):
            return self._jobs.owner(job_id) or read_job_file(self._store, job_id).owner
        return None

    def _redact(self, job_id: str, wanted: set[str], gone: set[str]) -> int:
        """Erase the results of the images in a job, and the masks of those that are gone."""
        places = dict(self._places(job_id, wanted))
        if not places:
            return 0
        gone = gone - self._uploaded(gone & set(places.values()))
        objects = 0
        for key in list(self._store.keys(results_prefix(job_id))):
            lines, _ = parse_sealed(self._store, key)
            found = [line for line in lines if line["index"] in places]
            for line in found:
                if places[line["index"]] in gone:
                    objects += self._delete_mask(line)
            if sum(map(_redacted, found)):
                self._store.put(key, b"\n".join(map(_encode, lines)), JSONL)
                objects += 1
        return objects + self._redact_unsealed(job_id, places, gone)

    def _places(self, job_id: str, wanted: set[str]) -> Iterator[tuple[int, str]]:
        """The items of these images in a job: index and sha256."""
        # A job whose file cannot be read has no items that could be found.
        with suppress(ObjectNotFound, RecordUnreadable):
            total = read_job_file(self._store, job_id).total
            for index, item in each_item(self._store, job_id, total):
                if item.sha256 in wanted:
                    yield index, item.sha256

    def _redact_unsealed(self, job_id: str, places: dict[int, str], gone: set[str]) -> int:
        objects = 0
        with records_guard():
            for key in self._redis.scan_iter(f"{job_key(job_id)}:results:*", count=1000):
                for index, sha256 in places.items():
                    found = self._redis.hget(key, str(index))
                    if not found:
                        continue
                    line: Line = json.loads(found)
                    if sha256 in gone:
                        objects += self._delete_mask(line)
                    if _redacted(line):
                        self._redis.hset(key, str(index), _encode(line))
        return objects

    def _delete_mask(self, line: Line) -> int:
        key = (line.get("result") or {}).get("mask_key")
        return self._delete(facts_key(key), confidence_key(key), key) if key else 0

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
            pipe.delete(*all_parts(job_id), *self._redis.keys(f"{job_key(job_id)}:results:*"))
            pipe.execute()
        delete_job(self._store, job_id)

    def _finished(self, erasure: Erasure) -> Erasure:
        log.info("erased %s %s", erasure.kind, erasure.name)
        return self.records.save(replace(erasure, finished_ms=int(time.time() * 1000)))


def _encode(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()


def _redacted(line: Line) -> bool:
    """Take out of a result what it says about the image; whether there was anything."""
    result = line.get("result")
    if not result or not (result.get("shares") or "confusion" in line):
        return False
    result["shares"] = {}
    result.pop("confidence", None)
    line.pop("confusion", None)
    return True
