"""The last stage: masks in the object store, each with the facts that make it reusable."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest, ObjectNotFound, StoreUnavailable
from roadmask.hashing import sha256_of
from roadmask.masks.codec import decode_mask, encode_mask, shares
from roadmask.masks.confidence import encode_confidence
from roadmask.masks.indexed_png import is_whole_png
from roadmask.masks.scores import confusion
from roadmask.masks.taxonomy import CITYSCAPES
from storage.catalogue.catalogue import ReportDamaged
from storage.masks.facts import MaskFacts, StoredBytes, read_facts, write_facts
from storage.objects.keys import truth_key
from storage.objects.store import ObjectStore
from worker.background.watchdog import Watchdog
from worker.pipeline.image_task import ImageTask
from worker.pipeline.inference_queue import Prediction
from worker.pipeline.timings import timed
from worker.pipeline.unstored_masks import EncodedMask, UnstoredMasks

log = logging.getLogger(__name__)


class MaskStore:
    """Stores masks under content-addressed keys. Facts are written last, so they imply a mask."""

    def __init__(
        self, store: ObjectStore, report_damaged: ReportDamaged, watchdog: Watchdog
    ) -> None:
        self._store = store
        self._report_damaged = report_damaged
        self._watchdog = watchdog
        self._unstored = UnstoredMasks()
        self.lookups: int = store.concurrency

    def find(self, task: ImageTask) -> MaskFacts | None:
        """Facts of a mask that is stored already, with its confidence if the task asks for it.

        None if the object is missing, truncated or changed: then the mask is made again. Raises
        `StoreUnavailable`.
        """
        facts = read_facts(self._store, task.keys.facts)
        if facts is None:
            return None
        truth = task.item.truth
        # A comparison with the truth reads the bytes anyway, so they are verified.
        compares = truth is not None and truth not in facts.confusions
        checked = self._check(task, facts, read=compares)
        if checked is None:
            log.warning("%s is missing or damaged; the mask is made again", task.keys.png)
        elif checked is not facts:
            write_facts(self._store, task.keys.facts, checked)
        return checked

    def _check(self, task: ImageTask, facts: MaskFacts, *, read: bool) -> MaskFacts | None:
        """The facts with the verified objects; None if an object is missing or damaged."""
        store, keys = self._store, task.keys
        mask = facts.stored_mask or _of_earlier_revision(store, keys.png, facts, facts.shares)
        mask = mask and mask.check(store, keys.png, read=read)
        if mask is None:
            return None
        confidence = facts.stored_confidence
        if task.with_confidence:
            confidence = confidence or _of_earlier_revision(store, keys.confidence, facts)
            confidence = confidence and confidence.check(store, keys.confidence)
            if confidence is None:
                return None
        if mask is facts.stored_mask and confidence is facts.stored_confidence:
            return facts
        return facts.model_copy(update={"stored_mask": mask, "stored_confidence": confidence})

    def put(self, task: ImageTask, prediction: Prediction) -> MaskFacts:
        """Store a mask with its confidence, score it against its truth, and store its facts.

        Raises `StoreUnavailable`. In that case the mask is kept in memory for `put_unstored`.
        """
        mask, confidence = prediction
        with timed(task.timings, "encode"), self._watchdog.watch("Encoding", [task]):
            png = encode_mask(mask)
            confidence_png = None if confidence is None else encode_confidence(confidence)
        height, width = mask.shape
        facts = MaskFacts(
            width=width,
            height=height,
            shares=shares(mask),
            artifact=str(task.artifact.model_version),
            made_at=datetime.now(UTC),
            image_sha256=task.item.sha256,
            timings_ms=task.timings,
            **task.parameters.given(),
            warnings=task.warnings,
            confidence=None if confidence is None else round(float(confidence.mean()), 4),
        )
        encoded = EncodedMask(task.flight, task.keys, png, confidence_png, facts)
        with self._keep_on_outage(encoded):
            with timed(task.timings, "store"):
                facts = self._put_pngs(encoded)
            facts.timings_ms = task.timings
            self._compare(task, facts, mask)
            write_facts(self._store, task.keys.facts, facts)
        return facts

    def put_unstored(self, task: ImageTask) -> MaskFacts | None:
        """Store the mask of a task that was kept during an outage; None if there is none.

        If only other masks are kept, the oldest of them is stored first. So no further image is
        inferred while the store is unavailable. Raises `StoreUnavailable`.
        """
        mask = self._unstored.take(task.flight)
        if mask is not None:
            return self._store_unstored(mask)
        if (oldest := self._unstored.take()) is not None:
            self._store_unstored(oldest)
        return None

    def _store_unstored(self, mask: EncodedMask) -> MaskFacts:
        with self._keep_on_outage(mask):
            facts = self._put_pngs(mask)
            write_facts(self._store, mask.keys.facts, facts)
            return facts

    @contextmanager
    def _keep_on_outage(self, mask: EncodedMask) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self._unstored.keep(mask)
            raise

    def _put_pngs(self, mask: EncodedMask) -> MaskFacts:
        """Store the PNGs; return the facts with their hashes."""
        stored = {"stored_mask": self._put(mask.keys.png, mask.png)}
        if mask.confidence_png is not None:
            stored["stored_confidence"] = self._put(mask.keys.confidence, mask.confidence_png)
        return mask.facts.model_copy(update=stored)

    def _put(self, key: str, png: bytes) -> StoredBytes:
        self._store.put(key, png, "image/png")
        return StoredBytes.of(self._store, key, png)

    def score(self, task: ImageTask, facts: MaskFacts) -> NDArray[np.int64] | None:
        """Confusion matrix, int64 (8, 8), of a stored mask and its truth; None without a truth.

        Matrices are kept in the facts, so that the same pair is never decoded twice.
        """
        truth = task.item.truth
        if truth is not None and truth not in facts.confusions:
            self._compare(task, facts, decode_mask(self._store.get(task.keys.png)))
            write_facts(self._store, task.keys.facts, facts)
        counts = facts.confusions.get(truth or "")
        return np.array(counts, np.int64) if counts else None

    def _compare(self, task: ImageTask, facts: MaskFacts, mask: NDArray[np.uint8]) -> None:
        truth = task.item.truth
        if truth is None:
            return
        try:
            png = self._store.get(truth_key(truth))
            if sha256_of(png) != truth:
                raise ObjectNotFound("The stored bytes changed.")
            with self._watchdog.watch("Scoring", [task]):
                facts.confusions[truth] = confusion(decode_mask(png), mask).tolist()
        except ObjectNotFound:
            self._report_damaged("truths", truth)
            log.warning("Truth %s is not in the store; the mask gets no scores", truth[:12])
        except InvalidRequest as error:
            # A wrong annotation costs the scores, not the mask. It is not compared again.
            log.warning("Truth %s cannot be compared: %s", truth[:12], error.detail)
            facts.confusions[truth] = []


def _of_earlier_revision(
    store: ObjectStore, key: str, facts: MaskFacts, expected: dict[str, float] | None = None
) -> StoredBytes | None:
    """Hash and size of a PNG that an earlier version stored without noting them in the facts.

    None if it is missing or truncated, has another size, or lacks the `expected` shares.
    """
    try:
        data = store.get(key)
        pixels = decode_mask(data)
    except (ObjectNotFound, InvalidRequest):
        return None
    if pixels.shape != (facts.height, facts.width) or not is_whole_png(data):
        return None
    if expected is not None:
        found = shares(pixels) if pixels.max() < len(CITYSCAPES) else {}
        if any(abs(found.get(name, -1) - share) > 1e-6 for name, share in expected.items()):
            return None
    return StoredBytes.of(store, key, data)
