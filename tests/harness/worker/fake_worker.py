"""A worker without a model: it changes the real records and store when a test calls it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.errors import ImageUnreadable
from roadmask.hashing import sha256_of
from roadmask.masks.codec import encode_mask, shares
from roadmask.masks.confidence import encode_confidence
from roadmask.schemas.jobs import Problem, Result
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.jobs.leases import Claim
from storage.objects.keys import mask_keys
from storage.objects.store import ObjectStore

SIZE = (6, 8)
CONFIDENCE = 0.6
"""Of every pixel."""


class FakeWorker:
    """Claims chunks and commits items: a mask of one category, or an error."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        settings: Settings,
        mask: NDArray[np.uint8] | None = None,
    ) -> None:
        """`mask` takes the place of the small masks of one category."""
        self._leases = StorageBackends.build(redis, store, settings).leases
        self._store = store
        self._mask = mask
        self._held: list[Claim] = []

    def begin(self, job_id: str, index: int) -> Claim:
        """Claim the chunk of an item, and all chunks before it, and begin their items."""
        while (claim := self._holding(job_id, index)) is None:
            claim = self._leases.claim(job_id, "fake")
            assert claim is not None
            self._leases.begin(claim, [item.index for item in claim.items])
            self._held.append(claim)
        return claim

    def succeed(self, job_id: str, index: int, category: int = 1) -> None:
        """Commit a mask of one category."""
        claim = self.begin(job_id, index)
        mask = np.full(SIZE, category, np.uint8) if self._mask is None else self._mask
        asked = claim.parameters.given()
        keys = mask_keys(f"{job_id}-{index}", "artifact", asked)
        png = encode_mask(mask)
        self._store.put(keys.png, png, "image/png")
        if claim.confidence:
            confidence = np.full(mask.shape, CONFIDENCE, np.float32)
            self._store.put(keys.confidence, encode_confidence(confidence), "image/png")
        result = Result(
            mask_key=keys.png,
            mask_sha256=sha256_of(png),
            mask_bytes=len(png),
            width=mask.shape[1],
            height=mask.shape[0],
            shares=shares(mask),
            artifact="fake@1",
            **asked,
        )
        assert self._leases.commit(claim, index, result, None, None)

    def fail(self, job_id: str, index: int) -> None:
        """Commit an error."""
        claim = self.begin(job_id, index)
        problem = Problem.model_validate(ImageUnreadable("It is damaged.").problem())
        assert self._leases.commit(claim, index, None, problem, None)

    def release(self) -> None:
        """Release all claimed chunks."""
        for claim in self._held:
            self._leases.release(claim)
        self._held.clear()

    def finish(self, job_id: str, failing: tuple[int, ...] = ()) -> None:
        """Commit all items of the job that have not ended; those in `failing` fail."""
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
