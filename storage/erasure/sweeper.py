"""Sweeper: deletes what was made of erased images, in one walk for all erasures of an owner."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from roadmask.errors import JobNotFound, ObjectNotFound, RecordUnreadable
from storage.access.ownership import Ownership
from storage.catalogue.catalogue import Catalogue
from storage.connections import raise_outage
from storage.erasure.erasure import Erased, Erasure
from storage.erasure.redactor import Redactor
from storage.erasure.upload_bytes import UploadBytes
from storage.jobs.job_file import read_job_file, stored_job_ids
from storage.jobs.records import JobRecords
from storage.objects.store import ObjectStore


class Sweeper:
    """A walk over the catalogue and the jobs takes long where there are many. So all erasures of
    an owner share one. Running jobs may still write results, so they are swept until they settle.
    """

    def __init__(
        self,
        store: ObjectStore,
        catalogue: Catalogue,
        ownership: Ownership,
        records: JobRecords,
        redactor: Redactor,
        upload_bytes: UploadBytes,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._ownership = ownership
        self._jobs = records
        self._redactor = redactor
        self._bytes = upload_bytes

    def sweep(self, erasures: Iterable[Erasure]) -> dict[str, int | Exception]:
        """Sweep once for erasures of images and datasets. Returns, by id, the number of objects
        that were deleted or rewritten, or the error that keeps an erasure from its end.

        Raises `RecordsUnavailable` and `StoreUnavailable`.
        """
        by_owner: dict[str | None, list[Erasure]] = defaultdict(list)
        for erasure in erasures:
            by_owner[erasure.owner].append(erasure)
        outcomes: dict[str, int | Exception] = {}
        for group in by_owner.values():
            outcomes |= self._sweep(group)
        return outcomes

    def _sweep(self, group: Sequence[Erasure]) -> dict[str, int | Exception]:
        """Sweep for erasures of one owner. The halves of a group that fails are swept apart, so
        that an erasure that meets a damaged object keeps no other from its end.
        """
        try:
            return dict(self._objects(group))
        except Exception as error:
            raise_outage(error, self._store)
            if len(group) == 1:
                return {group[0].id: error}
        middle = len(group) // 2
        return self._sweep(group[:middle]) | self._sweep(group[middle:])

    def _objects(self, group: Sequence[Erasure]) -> Counter[str]:
        """Sweep for erasures of one owner; return the number of objects by their ids."""
        by_hash = _by_hash(group)
        found = Counter({erasure.id: 0 for erasure in group})
        if not by_hash:
            return found
        images = {sha256 for erasure in group for sha256 in erasure.images}
        gone = images - self._bytes.uploaded(images)
        objects = self._remove_other_names(group, gone)
        objects += self._redact(by_hash, gone)
        for sha256 in gone:
            objects[sha256] += self._bytes.delete_image(sha256)
        for sha256, number in objects.items():
            found[by_hash[sha256].id] += number
        return found

    def _remove_other_names(self, group: Sequence[Erasure], gone: set[str]) -> Counter[str]:
        """Remove entries of the same bytes under other names. Returns the number of objects by
        sha256.
        """
        owner = group[0].owner
        # By sha256: the time before which an entry must have been made.
        references = {
            sha256: erasure.requested_ms
            for erasure in group
            if erasure.kind is Erased.IMAGE
            for sha256 in erasure.references
        }
        removed: Counter[str] = Counter()
        for image in self._catalogue.walk(""):
            is_older = image.created_at.timestamp() * 1000 < references.get(image.sha256, 0)
            if not (image.sha256 in gone or is_older):
                continue
            marker = self._ownership.dataset(image.dataset) if image.dataset else None
            is_own = owner is None or (marker and marker.owner == owner)
            if is_own and not (image.sha256 in gone and self._bytes.uploaded([image.sha256])):
                removed[image.sha256] += self._catalogue.remove(image)
        return removed

    def _redact(self, by_hash: dict[str, Erasure], gone: set[str]) -> Counter[str]:
        """Erase the results of the images in all jobs. Returns the number of objects by sha256."""
        owner = next(iter(by_hash.values())).owner
        ids = {erasure.id for erasure in by_hash.values()}
        first, last, every = min(ids), max(ids), set(by_hash)
        objects: Counter[str] = Counter()
        damaged: Exception | None = None
        for job_id in stored_job_ids(self._store):
            # A job that is newer than the erasure may be for images that were uploaded again.
            if job_id < first:
                erased = every
            elif job_id >= last:
                erased = gone
            else:
                erased = gone | {each for each in every if job_id < by_hash[each].id}
            try:
                if owner is None or owner == self._owner(job_id):
                    objects += self._redactor.redact(job_id, erased, gone)
            except Exception as error:
                raise_outage(error, self._store)
                damaged = error
        if damaged:  # raised last, so that one damaged job does not protect the others
            raise damaged
        return objects

    def _owner(self, job_id: str) -> str | None:
        """The owner of a job whose record may have expired in Redis."""
        with suppress(JobNotFound, ObjectNotFound, RecordUnreadable):
            return self._jobs.owner(job_id) or read_job_file(self._store, job_id).owner
        return None


def _by_hash(group: Sequence[Erasure]) -> dict[str, Erasure]:
    """The latest erasure of each image, by its sha256."""
    found: dict[str, Erasure] = {}
    for erasure in sorted(group, key=lambda each: each.id):
        # An erasure by the operator leaves the results of keys that still have the bytes.
        references = erasure.references if erasure.owner is not None else ()
        found |= dict.fromkeys((*erasure.images, *references), erasure)
    return found
