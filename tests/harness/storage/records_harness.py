"""Drives job records as the API, a worker and the reconciler do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.errors import ImageUnreadable
from roadmask.schemas.jobs import ImageRef, Item, Job, JobCreate, Lane, Problem, Result
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.jobs.leases import Claim, Leases
from storage.jobs.manifest import ManifestItem
from storage.jobs.records import JobRecords
from storage.objects.store import ObjectStore
from storage.queue import JobQueue
from storage.reconciler.reconciler import Reconciler

DAMAGED = Problem.model_validate(ImageUnreadable("The file ends too early.").problem())


def manifest_item(n: int) -> ManifestItem:
    """The nth image of a data set. It has no bytes."""
    return ManifestItem(f"scenes/{n:06d}", f"c{n}", f"{n:064x}", f"{n:064x}")


def request(total: int, **fields: Any) -> JobCreate:
    """A request for the first `total` images."""
    return JobCreate(images=[ImageRef(id=manifest_item(total).image)], **fields)


def result(index: int, cached: bool = False) -> Result:
    """The result of an item, different for each index."""
    return Result(
        mask_key=f"masks/{index}.png",
        width=4,
        height=2,
        shares={"flat": 0.123456, "sky": 0.876544},
        artifact="vgg16-unet@1",
        cached=cached,
        timings_ms={"infer": 12.7},
    )


def confusion(index: int) -> NDArray[np.int64]:
    """The confusion matrix of an item, int64 (8, 8), different for each index."""
    counts = np.zeros((8, 8), np.int64)
    counts[1, 1], counts[1, 5] = 7, index
    return counts


@dataclass
class RecordsHarness:
    """One process of each kind on one Redis and one store, called by the test step by step."""

    settings: Settings
    redis: Redis
    store: ObjectStore
    records: JobRecords
    leases: Leases
    queue: JobQueue
    reconciler: Reconciler
    exits: ExitStack

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[RecordsHarness]:
        """A harness with connections of its own, as another process would have."""
        with ExitStack() as exits:
            storage = exits.enter_context(closing(StorageBackends.open(settings)))
            storage.store.check()
            yield cls(
                settings,
                storage.redis,
                storage.store,
                storage.records,
                storage.leases,
                storage.queue,
                storage.reconciler,
                exits,
            )

    def another(self, **changes: Any) -> RecordsHarness:
        """Open another harness on the same Redis and store, with changed settings."""
        settings = self.settings.model_copy(update=changes)
        return self.exits.enter_context(RecordsHarness.open(settings))

    def accept(self, total: int, lane: Lane | None = None, **fields: Any) -> str:
        """Create a job of the first `total` images; return its id."""
        items = (manifest_item(n) for n in range(total))
        job, _ = self.records.create(request(total, lane=lane, **fields), items, None)
        return job.id

    def accept_with_key(self, key: str, total: int) -> str:
        """Create a job with this Idempotency-Key; return its id."""
        items = (manifest_item(n) for n in range(total))
        return self.records.create(request(total), items, key).job.id

    def accept_items(self, items: Iterable[ManifestItem]) -> str:
        """Create a job of these items; return its id."""
        return self.records.create(request(1), items, None).job.id

    def job(self, job_id: str) -> Job:
        return self.records.read(job_id)

    def items(self, job_id: str) -> list[Item]:
        return list(self.records.iter_items(job_id))

    def claim(self, job_id: str) -> Claim:
        """Claim a chunk of the job, which must have one."""
        claim = self.leases.claim(job_id, "worker")
        assert claim is not None
        return claim

    def begin(self, job_id: str) -> Claim:
        """Claim a chunk and begin all its items."""
        claim = self.claim(job_id)
        self.leases.begin(claim, [item.index for item in claim.items])
        return claim

    def succeed(self, claim: Claim, index: int, cached: bool = False) -> bool:
        return self.leases.commit(claim, index, result(index, cached), None, confusion(index))

    def fail(self, claim: Claim, index: int) -> bool:
        return self.leases.commit(claim, index, None, DAMAGED, None)

    def work(self, job_id: str, damaged: Iterable[int] = (), chunks: int | None = None) -> None:
        """Work on a job's chunks as a worker does; the images `damaged` fail."""
        while chunks is None or chunks > 0:
            claim = self.leases.claim(job_id, "worker")
            if claim is None:
                return
            chunks = None if chunks is None else chunks - 1
            for index in self.leases.begin(claim, [item.index for item in claim.items]).begun:
                (self.fail if index in damaged else self.succeed)(claim, index)
            self.leases.release(claim)

    def events(self, job_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The events of a job, as type and data."""
        entries: Any = self.redis.xrange(f"rm:job:{job_id}:events")
        return [(fields[b"type"].decode(), json.loads(fields[b"data"])) for _, fields in entries]

    def ended_items(self, job_id: str) -> list[int]:
        """The items with an event of their end, sorted."""
        return sorted(data["index"] for kind, data in self.events(job_id) if kind == "item")

    def keys(self, job_id: str) -> list[str]:
        """The Redis keys of a job."""
        return sorted(key.decode() for key in self.redis.scan_iter(f"rm:job:{job_id}*"))

    def check_invariants(self, job_id: str) -> None:
        """Assert what holds for a job at any time."""
        job, items = self.job(job_id), self.items(job_id)
        counts = job.counts
        for state in ("queued", "running", "succeeded", "failed", "canceled"):
            assert getattr(counts, state) == sum(item.state == state for item in items), state
        assert counts.total == len(items)
        ended = self.ended_items(job_id)
        final = [item.index for item in items if item.state in ("succeeded", "failed")]
        assert ended == final, "each item has one event of its end"
        for item in items:
            assert (item.result is not None) == (item.state == "succeeded")
            assert (item.error is not None) == (item.state == "failed")
            assert item.result is None or item.result.mask_key == f"masks/{item.index}.png"
        scored = [item.index for item in items if item.state == "succeeded"]
        if scored:
            assert job.scores is not None
            assert job.scores.images == len(scored)
            assert job.scores.per_category["flat"].pixels == 7 * len(scored) + sum(scored)

    def check_succeeded(self, job_id: str, total: int) -> None:
        """Assert that the job succeeded, with one result for each item and the right sums."""
        job, items = self.job(job_id), self.items(job_id)
        assert (job.state, job.counts.succeeded) == ("succeeded", total)
        keys = [item.result.mask_key for item in items if item.result]
        assert keys == [f"masks/{index}.png" for index in range(total)]
        assert job.scores is not None
        assert job.scores.images == total
        assert job.scores.per_category["flat"].pixels == 7 * total + sum(range(total))
