"""Leases: a worker holds a chunk of a job for a while, and only its holder may finish items of it.

Each claim comes with a fencing token. A worker that was stopped for longer than its lease loses
the chunk, and whatever it still sends is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.errors import StoreUnavailable, WorkerCrashed
from roadmask.jobs import Lane, Problem, Result
from roadmask.settings import Settings
from storage import item_bytes
from storage.connections import records_guard
from storage.endings import Endings
from storage.events import encode_item
from storage.job_keys import job_key
from storage.manifest import ManifestItem, read_range
from storage.objects import ObjectStore
from storage.replies import text
from storage.results import Results, cells, encode_error, encode_result
from storage.scripts import Scripts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item to do."""

    index: int
    attempts: int
    """How often it was begun before: more than once means that a worker died on it or near it."""
    item: ManifestItem


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk in a worker's hands: the items of it that have not ended."""

    job_id: str
    chunk: int
    token: int
    lane: Lane
    model: str
    confidence: bool
    """Whether masks get their confidence beside them."""
    items: list[ClaimedItem]


class Leases:
    """What workers do to job records. Every method raises `RecordsUnavailable` without Redis.

    A command whose answer was lost is sent again, and what the scripts do bears that: a second
    claim takes another chunk, a second commit is refused because the item has ended.
    """

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._redis = redis
        self._store = store
        self._scripts = Scripts(redis)
        self._results = Results(redis, store)
        self._endings = Endings(redis, store, settings)
        self._lease_ms = int(settings.lease_s * 1000)
        self._max_attempts = min(settings.max_attempts, item_bytes.MAX_ATTEMPTS)

    @records_guard()
    def claim(self, job_id: str, worker_id: str) -> Claim | None:
        """A chunk of the job that nobody holds; `None` when it has none, or is over.

        Raises `StoreUnavailable` or `ObjectNotFound` when its manifest cannot be read.
        """
        reply = self._scripts.run("claim", job_id, self._lease_ms, worker_id)
        if reply is None:
            return None
        chunk, token, data = int(reply[0]), int(reply[1]), reply[2]
        lane, model, size, confidence = self._redis.hmget(
            job_key(job_id), ["lane", "model", "chunk_size", "confidence"]
        )
        first = chunk * int(size or 1)
        try:
            manifest = read_range(self._store, job_id, first, first + len(data))
        except Exception:
            self._scripts.run("release", job_id, chunk, token)
            raise
        items = [
            ClaimedItem(first + offset, item_bytes.attempts(byte), item)
            for offset, (byte, item) in enumerate(zip(data, manifest, strict=True))
            if not item_bytes.is_final(byte)
        ]
        sure = confidence is not None
        return Claim(job_id, chunk, token, Lane(text(lane)), text(model), sure, items)

    @records_guard()
    def begin(self, claim: Claim, indices: Iterable[int]) -> list[int]:
        """Count an attempt at each item, before its bytes are touched; the items to go on with.

        None of them when the chunk is no longer the claim's or the job has ended. Items that were
        begun as often as is allowed fail here, as `worker_crashed`.
        """
        reply = self._scripts.run(
            "begin", claim.job_id, claim.chunk, claim.token, self._max_attempts, *indices
        )
        begun, spent = reply
        for index in spent:
            crashed = WorkerCrashed(
                f"The worker died or was lost on each of {self._max_attempts} attempts at this "
                "image. Check the image; a retry of the job tries it again."
            )
            self.commit(claim, index, None, Problem.model_validate(crashed.problem()), None)
        return [int(index) for index in begun]

    @records_guard()
    def commit(
        self,
        claim: Claim,
        index: int,
        result: Result | None,
        error: Problem | None,
        confusion: NDArray[np.int64] | None,
    ) -> bool:
        """End an item: with its result, or else with its error.

        `confusion` is the (8, 8) matrix against its truth, where it has one. False when nothing
        was changed: the chunk is no longer the claim's, the job or the item has ended.
        """
        return bool(self._commit(claim, _ending(claim, index, result, error, confusion)))

    @records_guard()
    def commit_known(
        self, claim: Claim, known: Mapping[int, tuple[Result, NDArray[np.int64] | None]]
    ) -> int:
        """End items whose masks were there already, all in one step; how many it changed.

        `known` has each one's result, and its matrix where it has a truth, by index.
        """
        endings = (
            _ending(claim, index, result, None, counts) for index, (result, counts) in known.items()
        )
        return self._commit(claim, chain.from_iterable(endings))

    @records_guard()
    def renew(self, claims: Sequence[Claim]) -> list[Claim]:
        """Lengthen the leases; the claims that were lost, with which nothing can be done."""
        if not claims:
            return []
        with self._redis.pipeline(transaction=False) as pipe:
            for claim in claims:
                self._scripts.run(
                    "renew", claim.job_id, claim.chunk, claim.token, self._lease_ms, client=pipe
                )
            kept = pipe.execute()
        return [claim for claim, mine in zip(claims, kept, strict=True) if not mine]

    @records_guard()
    def release(self, claim: Claim) -> bool:
        """Give the chunk back, done or not; whether the job may have more chunks to claim.

        Items that were begun and not ended wait again, and that attempt does not count: the worker
        lives. A chunk that is done is sealed, and the last one ends the job.
        """
        sealable, more, ended = self._scripts.run("release", claim.job_id, claim.chunk, claim.token)
        try:
            if sealable:
                self._results.seal(claim.job_id, claim.chunk)
            if ended:
                self._endings.finish(claim.job_id)
        except StoreUnavailable:
            log.warning("job %s: chunk %d will be sealed later", claim.job_id, claim.chunk)
        return bool(more)

    def _commit(self, claim: Claim, endings: Iterable[Any]) -> int:
        return int(self._scripts.run("commit", claim.job_id, claim.chunk, claim.token, *endings))


def _ending(
    claim: Claim,
    index: int,
    result: Result | None,
    error: Problem | None,
    confusion: NDArray[np.int64] | None,
) -> list[Any]:
    """What the script `commit` is told of one item."""
    claimed = next(item for item in claim.items if item.index == index)
    if result is not None:
        outcome, line, cached = (
            item_bytes.SUCCEEDED,
            encode_result(result, confusion),
            result.cached,
        )
    elif error is not None:
        outcome, line, cached, confusion = item_bytes.FAILED, encode_error(error), False, None
    else:
        raise ValueError("an item ends with a result or with an error")
    pixels = cells(confusion) if confusion is not None else {}
    event = encode_item(index, claimed.item, error if result is None else None, cached)
    counted = chain.from_iterable(pixels.items())
    return [index, outcome, line, event, int(cached), len(pixels), *counted]
