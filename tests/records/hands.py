"""Everybody who has a hand in job records: the API's side, a worker's side and the reconciler."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.errors import ImageUnreadable
from roadmask.jobs import ImageRef, Item, Job, JobCreate, Lane, Problem, Result
from roadmask.settings import Settings
from storage.connections import connect_redis, open_store
from storage.dispatch import Dispatch
from storage.job_records import JobRecords
from storage.leases import Claim, Leases
from storage.manifest import ManifestItem
from storage.objects import ObjectStore
from storage.recovery import Recovery

DAMAGED = Problem.model_validate(ImageUnreadable("The file ends too early.").problem())


def image(n: int) -> ManifestItem:
    """The nth image of a data set that needs no bytes here."""
    return ManifestItem(f"scenes/{n:06d}", f"c{n}", f"{n:064x}", f"{n:064x}")


def request(total: int, **fields: Any) -> JobCreate:
    """A request for the first images; their number is part of it."""
    return JobCreate(images=[ImageRef(id=image(total).image)], **fields)


def mask(index: int, cached: bool = False) -> Result:
    """A result that tells which item it belongs to."""
    return Result(
        mask_key=f"masks/{index}.png",
        width=4,
        height=2,
        shares={"flat": 0.123456, "sky": 0.876544},
        artifact="vgg16-unet@1",
        cached=cached,
        timings_ms={"infer": 12.7},
    )


def pixels(index: int) -> NDArray[np.int64]:
    """A confusion matrix that is another one for each item."""
    counts = np.zeros((8, 8), np.int64)
    counts[1, 1], counts[1, 5] = 7, index
    return counts


@dataclass
class Hands:
    settings: Settings
    redis: Redis
    store: ObjectStore
    records: JobRecords
    leases: Leases
    dispatch: Dispatch
    recovery: Recovery

    @classmethod
    def of(cls, settings: Settings) -> Hands:
        """A process of its own, as far as the records can tell."""
        redis, store, dispatch = connect_redis(settings), open_store(settings), Dispatch(settings)
        store.check()
        return cls(
            settings,
            redis,
            store,
            JobRecords(redis, store, settings),
            Leases(redis, store, settings),
            dispatch,
            Recovery(redis, store, settings, dispatch),
        )

    def accept(self, total: int, lane: Lane | None = None, **fields: Any) -> str:
        """A job of the first images; its id."""
        items = (image(n) for n in range(total))
        job, _ = self.records.create(request(total, lane=lane, **fields), items, None)
        return job.id

    def job(self, job_id: str) -> Job:
        return self.records.read(job_id)

    def items(self, job_id: str) -> list[Item]:
        return list(self.records.results(job_id))

    def claim(self, job_id: str) -> Claim:
        """A chunk; the job must have one."""
        claim = self.leases.claim(job_id, "worker")
        assert claim is not None
        return claim

    def begin(self, job_id: str) -> Claim:
        """A chunk with all its items begun."""
        claim = self.claim(job_id)
        self.leases.begin(claim, [item.index for item in claim.items])
        return claim

    def succeed(self, claim: Claim, index: int, cached: bool = False) -> bool:
        return self.leases.commit(claim, index, mask(index, cached), None, pixels(index))

    def fail(self, claim: Claim, index: int) -> bool:
        return self.leases.commit(claim, index, None, DAMAGED, None)

    def work(self, job_id: str, damaged: Iterable[int] = (), chunks: int | None = None) -> None:
        """Do what a worker does with a job's chunks; some images are damaged."""
        while chunks is None or chunks > 0:
            claim = self.leases.claim(job_id, "worker")
            if claim is None:
                return
            chunks = None if chunks is None else chunks - 1
            for index in self.leases.begin(claim, [item.index for item in claim.items]):
                (self.fail if index in damaged else self.succeed)(claim, index)
            self.leases.release(claim)

    def events(self, job_id: str) -> list[tuple[str, dict[str, Any]]]:
        """All that was told of a job, as type and data."""
        entries: Any = self.redis.xrange(f"rm:job:{job_id}:events")
        return [(fields[b"type"].decode(), json.loads(fields[b"data"])) for _, fields in entries]

    def ended(self, job_id: str) -> list[int]:
        """The items whose end was told, sorted."""
        return sorted(data["index"] for kind, data in self.events(job_id) if kind == "item")

    def keys(self, job_id: str) -> list[str]:
        """The Redis keys of a job."""
        return sorted(key.decode() for key in self.redis.scan_iter(f"rm:job:{job_id}*"))

    def check(self, job_id: str) -> None:
        """What must hold of a job at any time, whatever happened to it."""
        job, items = self.job(job_id), self.items(job_id)
        counts = job.counts
        for state in ("queued", "running", "succeeded", "failed", "canceled"):
            assert getattr(counts, state) == sum(item.state == state for item in items), state
        assert counts.total == len(items)
        told = self.ended(job_id)
        final = [item.index for item in items if item.state in ("succeeded", "failed")]
        assert told == final, "each end is told once"
        for item in items:
            assert (item.result is not None) == (item.state == "succeeded")
            assert (item.error is not None) == (item.state == "failed")
            assert item.result is None or item.result.mask_key == f"masks/{item.index}.png"
        scored = [item.index for item in items if item.state == "succeeded"]
        if scored:
            assert job.scores is not None
            assert job.scores.images == len(scored)
            assert job.scores.per_category["flat"].pixels == 7 * len(scored) + sum(scored)

    def check_result(self, job_id: str, total: int) -> None:
        """A job that succeeded, with one good result for each item and the right sums."""
        job, items = self.job(job_id), self.items(job_id)
        assert (job.state, job.counts.succeeded) == ("succeeded", total)
        keys = [item.result.mask_key for item in items if item.result]
        assert keys == [f"masks/{index}.png" for index in range(total)]
        assert job.scores is not None
        assert job.scores.images == total
        assert job.scores.per_category["flat"].pixels == 7 * total + sum(range(total))
