"""The API's side of a service without its HTTP: stores images, creates jobs, reads their state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from redis import Redis

from roadmask.schemas.jobs import ImageRef, Item, Job, JobCreate, Lane
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.jobs.manifest import ManifestItem
from storage.jobs.records import JobRecords
from storage.objects.keys import image_key, truth_key
from storage.objects.store import ObjectStore
from storage.queue import JobQueue


@dataclass
class ServiceHarness:
    """Creates jobs on the Redis and the store of these settings, for a worker under test."""

    settings: Settings
    redis: Redis
    store: ObjectStore
    records: JobRecords
    queue: JobQueue

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[ServiceHarness]:
        with closing(StorageBackends.open(settings)) as storage:
            storage.store.check()
            yield cls(settings, storage.redis, storage.store, storage.records, storage.queue)

    def image(self, data: bytes, truth: bytes | None = None) -> ManifestItem:
        """Store an image and its truth."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.store.put(image_key(sha256), data, "application/octet-stream")
        truth_sha256 = None
        if truth is not None:
            truth_sha256 = hashlib.sha256(truth).hexdigest()
            self.store.put(truth_key(truth_sha256), truth, "image/png")
        return ManifestItem(f"sha256-{sha256}", None, sha256, truth_sha256)

    def accept(
        self,
        items: Iterable[ManifestItem],
        lane: Lane = Lane.BATCH,
        model: str = "default",
        messages: int = 0,
    ) -> str:
        """Create a job of these items; return its id."""
        items = list(items)
        refs = [ImageRef(id=item.image) for item in items]
        request = JobCreate(images=refs, lane=lane, model=model)
        job, _ = self.records.create(request, items, None)
        if messages:
            self.queue.send(job.id, lane, messages)
        return job.id

    def job(self, job_id: str) -> Job:
        return self.records.read(job_id)

    def items(self, job_id: str) -> list[Item]:
        return list(self.records.iter_items(job_id))
