"""A worker without a model: it goes through the real records and store, at the test's pace."""

from __future__ import annotations

import numpy as np
from redis import Redis

from roadmask.confidence import encode_confidence
from roadmask.errors import ImageUnreadable
from roadmask.jobs import Problem, Result
from roadmask.masks import encode_mask, shares
from roadmask.settings import Settings
from storage.leases import Claim, Leases
from storage.objects import ObjectStore, mask_keys

SIZE = (6, 8)
SURE = 0.6
"""How sure it is of every pixel."""


class FakeWorker:
    """Claims chunks and ends items: with a mask of one category, or with an error."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._leases = Leases(redis, store, settings)
        self._store = store
        self._held: list[Claim] = []

    def begin(self, job_id: str, index: int) -> Claim:
        """Have the item in hand, begun; all chunks before its own are claimed too."""
        while (claim := self._holding(job_id, index)) is None:
            claim = self._leases.claim(job_id, "fake")
            assert claim is not None
            self._leases.begin(claim, [item.index for item in claim.items])
            self._held.append(claim)
        return claim

    def succeed(self, job_id: str, index: int, category: int = 1) -> None:
        """Give the item a mask of one category."""
        claim = self.begin(job_id, index)
        mask = np.full(SIZE, category, np.uint8)
        keys = mask_keys(f"{job_id}-{index}", "artifact", {})
        self._store.put(keys.png, encode_mask(mask), "image/png")
        if claim.confidence:
            sure = np.full(SIZE, SURE, np.float32)
            self._store.put(keys.confidence, encode_confidence(sure), "image/png")
        result = Result(
            mask_key=keys.png,
            width=SIZE[1],
            height=SIZE[0],
            shares=shares(mask),
            artifact="fake@1",
        )
        assert self._leases.commit(claim, index, result, None, None)

    def fail(self, job_id: str, index: int) -> None:
        """Let the item fail."""
        claim = self.begin(job_id, index)
        problem = Problem.model_validate(ImageUnreadable("It is damaged.").problem())
        assert self._leases.commit(claim, index, None, problem, None)

    def release(self) -> None:
        """Give all chunks back."""
        for claim in self._held:
            self._leases.release(claim)
        self._held.clear()

    def finish(self, job_id: str, failing: tuple[int, ...] = ()) -> None:
        """End every item of the job that has not ended."""
        self.release()
        while (claim := self._leases.claim(job_id, "fake")) is not None:
            self._held.append(claim)
            self._leases.begin(claim, [item.index for item in claim.items])
            for item in claim.items:
                if item.index in failing:
                    self.fail(job_id, item.index)
                else:
                    self.succeed(job_id, item.index)
            self.release()

    def _holding(self, job_id: str, index: int) -> Claim | None:
        return next(
            (
                claim
                for claim in self._held
                if claim.job_id == job_id and index in {item.index for item in claim.items}
            ),
            None,
        )
