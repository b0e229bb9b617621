"""Garbage: objects without references, and objects beyond the operator's retention time.

A collection is safe beside running jobs. An object counts as garbage only if it is older than
`age_s`, if no reference to it was found after the objects had been listed, and if it was not stored
again meanwhile.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from roadmask.errors import ObjectNotFound, RecordsUnavailable, RecordUnreadable
from roadmask.settings import Settings
from storage.access.caller import ANYBODY
from storage.access.ownership import Ownership
from storage.catalogue.catalogue import Catalogue
from storage.erasure.eraser import Eraser
from storage.jobs.archive import read_final_record
from storage.jobs.job_file import delete_job, read_job_file, stored_job_ids
from storage.jobs.manifest import each_item
from storage.jobs.records import JobRecords
from storage.masks.facts import read_facts
from storage.models.deployments import Deployments
from storage.models.registry import ModelRegistry
from storage.objects.keys import (
    CATALOGUE,
    IMAGES,
    MASKS,
    OWNERS,
    THUMBNAILS,
    TRUTHS,
    confidence_key,
    facts_key,
    image_key,
)
from storage.objects.store import ObjectStore
from storage.reconciler.unreadable import UnreadableRecords
from storage.workers import WorkerRegistry

log = logging.getLogger(__name__)

HASHED = (IMAGES, TRUTHS, THUMBNAILS)
"""Prefixes of objects that are named by the sha256 of an image or a truth."""


def keep_days(settings: Settings) -> dict[str, int]:
    """The days for which each kind of object is kept; 0: for ever."""
    return {
        "uploads": settings.keep_uploads_days,
        "masks": settings.keep_masks_days,
        "jobs": settings.keep_jobs_days,
        "models": settings.keep_models_days,
    }


class Garbage:
    """Finds and deletes garbage."""

    def __init__(
        self,
        store: ObjectStore,
        catalogue: Catalogue,
        ownership: Ownership,
        records: JobRecords,
        eraser: Eraser,
        registry: ModelRegistry,
        deployments: Deployments,
        workers: WorkerRegistry,
        unreadable: UnreadableRecords,
        settings: Settings,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._ownership = ownership
        self._records = records
        self._eraser = eraser
        self._registry = registry
        self._deployments = deployments
        self._workers = workers
        self._unreadable = unreadable
        self._keep_days = keep_days(settings)

    def collect(self, age_s: float, *, dry_run: bool = False) -> Counter[str]:
        """Delete garbage; return the numbers of objects by kind.

        Raises `RecordsUnavailable` while an emptied Redis is not rebuilt.
        """
        if not self._records.are_complete():
            raise RecordsUnavailable(
                "Redis was emptied or is new, so the references to objects are not complete. "
                "Nothing is deleted. Try again after a worker or `roadmask scheduler` rebuilt it."
            )
        counts: Counter[str] = Counter()
        self._retire(counts, dry_run)
        before = datetime.now(UTC) - timedelta(seconds=age_s)
        lost = self._unreadable.under(CATALOGUE)
        if lost:
            log.error("no image and no truth is deleted, as %s may refer to it", lost[0])
        prefixes = () if lost else HASHED
        old = [key for prefix in prefixes for key in self._older(prefix, before)]
        # Read after the list: an object that gets a reference later is newer or stored again.
        referred = self._referred()
        for key in old:
            if _hash_of(key) not in referred:
                self._drop(key, before, counts, dry_run)
        self._orphaned_masks(before, counts, dry_run)
        for key in self._older(OWNERS, before):
            if _hash_of(key) not in referred and self._ownership.is_lost(key):
                counts["owners"] += 1
                if not dry_run:
                    self._ownership.forget_lost(key)
        if (moment := self._limit("models")) is not None:
            self._retire_models(moment, before, counts, dry_run)
        return counts

    def _retire(self, counts: Counter[str], dry_run: bool) -> None:
        """Delete jobs, masks and uploads beyond the operator's retention time."""
        if (moment := self._limit("jobs")) is not None:
            for job_id in self._ended_jobs(moment):
                counts["jobs"] += 1
                if not dry_run:
                    delete_job(self._store, job_id)
        if (moment := self._limit("masks")) is not None:
            for key in list(self._older(MASKS, moment)):
                self._drop(key, moment, counts, dry_run)
        if (moment := self._limit("uploads")) is not None:
            named = {image.sha256 for image in self._catalogue.walk("") if image.dataset}
            for image in list(self._catalogue.walk("sha256-")):
                if image.created_at < moment and image.sha256 not in named:
                    counts["uploads"] += 1
                    if not dry_run:
                        self._eraser.image(ANYBODY, image.id)

    def _retire_models(
        self, moment: datetime, before: datetime, counts: Counter[str], dry_run: bool
    ) -> None:
        """Delete old model versions in two collections.

        The first collection hides a version from new jobs. A later one deletes the version unless
        it is needed: a job that was accepted in between keeps its model.
        """
        old = self._registry.older(moment)
        try:
            needed = self._needed_models() if old else set()
        except RecordUnreadable as error:
            log.error("no model is deleted, as a deployment may need it: %s", error.detail)
            return
        for version in old:
            is_needed = any(map(version.matches, needed))
            is_hidden = self._registry.is_retired(version)
            if is_needed == is_hidden and not dry_run:
                (self._registry.restore if is_needed else self._registry.retire)(version)
            elif not is_needed and self._registry.is_retired(version, before):
                counts["models"] += 1
                if not dry_run:
                    self._registry.delete(version)

    def _needed_models(self) -> set[str]:
        """Models of the deployment history, of live workers, and of jobs that may still run.

        An ended job may be retried as long as Redis has its record. Raises `RecordUnreadable` for a
        damaged deployment.
        """
        needed = {str(entry.model) for entry in self._deployments.every_entry()}
        for worker in self._workers.list_live():
            needed.update(worker.models)
        preload = self._deployments.preload_request()
        needed.update((preload or "").split()[:1])
        for job_id in stored_job_ids(self._store):
            with suppress(ObjectNotFound, RecordUnreadable):
                if self._records.exists(job_id) or read_final_record(self._store, job_id) is None:
                    needed.add(read_job_file(self._store, job_id).model)
        return needed

    def _limit(self, kind: str) -> datetime | None:
        days = self._keep_days[kind]
        return datetime.now(UTC) - timedelta(days=days) if days else None

    def _ended_jobs(self, moment: datetime) -> Iterator[str]:
        """The archived jobs that ended before `moment` and whose records in Redis have expired."""
        for job_id in stored_job_ids(self._store):
            final = None
            with suppress(RecordUnreadable):
                final = read_final_record(self._store, job_id)
            ended = int(final.record.get("finished", 0)) if final else 0
            if 0 < ended < moment.timestamp() * 1000 and not self._records.exists(job_id):
                yield job_id

    def _referred(self) -> set[str]:
        """The sha256s of images and truths in the catalogue and in the manifests of jobs."""
        found: set[str] = set()
        for image in self._catalogue.walk(""):
            found.update(filter(None, (image.sha256, image.truth_sha256)))
        for job_id in stored_job_ids(self._store):
            with suppress(ObjectNotFound, RecordUnreadable):
                total = read_job_file(self._store, job_id).total
                for _, item in each_item(self._store, job_id, total):
                    found.update(filter(None, (item.sha256, item.truth)))
        return found

    def _orphaned_masks(self, before: datetime, counts: Counter[str], dry_run: bool) -> None:
        """Delete the masks of images that are no longer stored."""
        for key in self._older(MASKS, before):
            if not key.endswith(".png") or key.endswith(".confidence.png"):
                continue
            facts = read_facts(self._store, facts_key(key))
            sha256 = facts.image_sha256 if facts else None
            if sha256 and not self._store.exists(image_key(sha256)):
                for one in (facts_key(key), confidence_key(key), key):
                    self._drop(one, before, counts, dry_run)

    def _older(self, prefix: str, before: datetime) -> Iterator[str]:
        for key in list(self._store.keys(prefix)):
            with suppress(ObjectNotFound):
                if self._store.info(key).modified < before:
                    yield key

    def _drop(self, key: str, before: datetime, counts: Counter[str], dry_run: bool) -> None:
        with suppress(ObjectNotFound):
            # The object may have been stored again since it was listed.
            if self._store.info(key).modified < before:
                counts[key.partition("/")[0]] += 1
                if not dry_run:
                    self._store.delete(key)
                    if key.startswith(TRUTHS):
                        self._catalogue.report_damaged("truths", _hash_of(key))


def _hash_of(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]
