"""A worker without a model: it goes through the real records and store, at the test's pace."""

from __future__ import annotations

import numpy as np
from redis import Redis

from roadmask.errors import ImageUnreadable
from roadmask.jobs import Problem, Result
from roadmask.masks import encode_mask, shares
from roadmask.settings import Settings
from storage.leases import Claim, Leases
from storage.objects import ObjectStore, mask_keys

SIZE = (6, 8)


class FakeWorker:
    """Claims chunks and ends items: with a mask of one category, or with an error."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._leases = Leases(redis, store, settings)
        self._store = store

    def claim(self, job_id: str) -> Claim:
        """The next chunk of the job, all of its items begun."""
        claim = self._leases.claim(job_id, "fake")
        assert claim is not None
        self._leases.begin(claim, [item.index for item in claim.items])
        return claim

    def succeed(self, claim: Claim, index: int, category: int = 1) -> bytes:
        """Give the item a mask, and return its PNG."""
        mask = np.full(SIZE, category, np.uint8)
        png = encode_mask(mask)
        keys = mask_keys(f"{claim.job_id}-{index}", "artifact", {})
        self._store.put(keys.png, png, "image/png")
        result = Result(
            mask_key=keys.png,
            width=SIZE[1],
            height=SIZE[0],
            shares=shares(mask),
            artifact="fake@1",
        )
        assert self._leases.commit(claim, index, result, None, None)
        return png

    def fail(self, claim: Claim, index: int) -> None:
        """Let the item fail."""
        problem = Problem.model_validate(ImageUnreadable("It is damaged.").problem())
        assert self._leases.commit(claim, index, None, problem, None)

    def release(self, claim: Claim) -> None:
        """Give the chunk back."""
        self._leases.release(claim)

    def finish(self, job_id: str, failing: tuple[int, ...] = ()) -> None:
        """End every item of the job."""
        while (claim := self._leases.claim(job_id, "fake")) is not None:
            self._leases.begin(claim, [item.index for item in claim.items])
            for item in claim.items:
                if item.index in failing:
                    self.fail(claim, item.index)
                else:
                    self.succeed(claim, item.index)
            self.release(claim)
