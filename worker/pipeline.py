"""The pipeline: one image's way from bytes in the store to a mask in the store.

    fetch and decode  |  micro-batch and infer  |  encode and store

Each image has a thread of its own for as long as it is in hand, so its way reads from top to
bottom; the stages meet in the batcher, whose threads run the model. While images are computed,
others are fetched and finished ones are stored: the model never waits for a disk. How much
is in hand at once is bounded in items (`Slots`) and in decoded pixels (`PixelBudget`).
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import DeadlineExceeded
from roadmask.jobs import Lane, Result
from roadmask.scores import scores
from storage.manifest import ManifestItem
from storage.objects import MaskKeys, mask_keys
from worker.batcher import Batcher
from worker.fetch import Fetcher
from worker.models import Artifact, Models, full_name
from worker.once import Once
from worker.requests import Prediction
from worker.store import Facts, Masks
from worker.timings import Timings

Segmented = tuple[Result, NDArray[np.int64] | None]
"""The result for an item, and its pixel counts (8, 8) against the truth when it has one."""


class Pipeline:
    """Makes masks, each only once: the same bytes with the same model are never inferred again."""

    def __init__(
        self,
        models: Models,
        fetcher: Fetcher,
        batcher: Batcher,
        masks: Masks,
        item_deadline_s: float,
    ) -> None:
        self._models = models
        self._fetcher = fetcher
        self._batcher = batcher
        self._masks = masks
        self._item_deadline_s = item_deadline_s
        self._once: Once[tuple[Facts, bool]] = Once()

    def known(
        self, item: ManifestItem, model: str, *, confidence: bool = False
    ) -> Segmented | None:
        """What `segment` would give, where that takes no more than reading it. Raises the same."""
        artifact = self._models.artifact(model)
        keys = mask_keys(item.sha256, artifact.sha256, self._models.parameters(artifact))
        facts = self._masks.find(keys, confidence=confidence)
        if facts is None or (item.truth is not None and item.truth not in facts.confusions):
            return None
        return self._segmented(keys, facts, item.truth, cached=True)

    def segment(
        self,
        item: ManifestItem,
        model: str,
        lane: Lane,
        *,
        confidence: bool = False,
        apart: bool = False,
    ) -> Segmented:
        """Find or make the mask of one item.

        With `confidence` that is made beside the mask, unless it is there too. With `apart` the
        image is a suspect: it is decoded in a disposable process. Raises `ItemError`,
        `UnsupportedFormat` or `ModelNotFound` for faults of the item, and `StoreUnavailable`.
        """
        artifact = self._models.artifact(model)
        keys = mask_keys(item.sha256, artifact.sha256, self._models.parameters(artifact))

        def find_or_make() -> tuple[Facts, bool]:
            facts = self._masks.find(keys, confidence=confidence)
            if facts is not None:
                return facts, True
            return self._make(item, artifact, keys, lane, confidence, apart), False

        (facts, found), mine = self._once.do((keys, confidence), find_or_make)
        return self._segmented(keys, facts, item.truth, cached=found or not mine)

    def _segmented(
        self, keys: MaskKeys, facts: Facts, truth: str | None, *, cached: bool
    ) -> Segmented:
        counts = self._masks.score(keys, facts, truth)
        result = Result(
            mask_key=keys.png,
            width=facts.width,
            height=facts.height,
            shares=facts.shares,
            artifact=facts.artifact,
            cached=cached,
            timings_ms={} if cached else facts.timings_ms,
            scores=None if counts is None else scores(counts, images=1),
        )
        return result, counts

    def _make(
        self,
        item: ManifestItem,
        artifact: Artifact,
        keys: MaskKeys,
        lane: Lane,
        confidence: bool,
        apart: bool,
    ) -> Facts:
        timings: Timings = {}
        # Before there are pixels: loading may take a while, and others need the room.
        predictor = self._batcher.predictor(artifact)
        with ExitStack() as room:
            with self._batcher.coming():
                picture = self._fetcher.fetch(
                    item.sha256, lane, timings, apart, room, predictor.input_size
                )
                waiting = self._batcher.put(picture, artifact, lane, timings, confidence=confidence)
            # The batcher has it: its memory is to be free as soon as the mask is there.
            del picture
            prediction = self._wait(waiting, apart)
            return self._masks.put(keys, prediction, full_name(artifact), item.truth, timings)

    def _wait(self, waiting: Future[Prediction], apart: bool) -> Prediction:
        """What the model made. A suspect alone in hand can be told from a slow queue."""
        if not apart:
            return waiting.result()
        # Before the watchdog ends the process.
        seconds = 0.8 * self._item_deadline_s
        try:
            return waiting.result(timeout=seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The model took more than {seconds:.0f} s for this image alone. Scale it down."
            ) from None
