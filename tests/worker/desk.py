"""What the API does, without the API: images go in, jobs are accepted, their state is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from redis import Redis

from roadmask.jobs import ImageRef, Item, Job, JobCreate, Lane
from roadmask.settings import Settings
from storage.connections import connect_redis, open_store
from storage.dispatch import Dispatch
from storage.job_records import JobRecords
from storage.manifest import ManifestItem
from storage.objects import ObjectStore, image_key, truth_key


@dataclass
class Desk:
    """The front of a service with these settings."""

    settings: Settings
    redis: Redis
    store: ObjectStore
    records: JobRecords
    dispatch: Dispatch

    @classmethod
    def open(cls, settings: Settings) -> Desk:
        redis, store = connect_redis(settings), open_store(settings)
        store.check()
        records = JobRecords(redis, store, settings)
        return cls(settings, redis, store, records, Dispatch(settings))

    def image(self, data: bytes, truth: bytes | None = None) -> ManifestItem:
        """Store an image, and its annotated mask."""
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
        """A job of these items; its id."""
        items = list(items)
        refs = [ImageRef(id=item.image) for item in items]
        request = JobCreate(images=refs, lane=lane, model=model)
        job, _ = self.records.create(request, items, None)
        if messages:
            self.dispatch.send(job.id, lane, messages)
        return job.id

    def job(self, job_id: str) -> Job:
        return self.records.read(job_id)

    def items(self, job_id: str) -> list[Item]:
        return list(self.records.results(job_id))
