"""The third stage: masks in the object store, with the facts about them that make them reusable."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from roadmask.confidence import encode_confidence
from roadmask.errors import InvalidRequest, ObjectNotFound
from roadmask.masks import decode_mask, encode_mask, shares
from roadmask.scores import confusion
from storage.objects import MaskKeys, ObjectStore, truth_key
from worker.requests import Prediction
from worker.timings import Timings, timed

log = logging.getLogger(__name__)


class Facts(BaseModel):
    """What is known about a stored mask, so that a second job needs neither image nor mask."""

    width: int
    height: int
    shares: dict[str, float]
    artifact: str
    """`name@version` of the model that made it."""
    made_at: datetime
    timings_ms: Timings
    confusions: dict[str, list[list[int]]] = Field(default_factory=dict)
    """Pixel counts against truths, by the truth's sha256: rows truth, columns this mask."""


class Masks:
    """Masks under content-addressed keys. A reader that finds the facts finds the mask too."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def find(self, keys: MaskKeys, *, confidence: bool = False) -> Facts | None:
        """The facts of a mask that is there already, with its confidence where that is wanted.

        Raises `StoreUnavailable`.
        """
        if confidence and not self._store.exists(keys.confidence):
            return None
        try:
            return Facts.model_validate_json(self._store.get(keys.facts))
        except ObjectNotFound:
            return None
        except ValidationError:
            log.warning("The facts at %s are not readable; the mask is made again", keys.facts)
            return None

    def put(
        self,
        keys: MaskKeys,
        prediction: Prediction,
        artifact: str,
        truth: str | None,
        timings: Timings,
    ) -> Facts:
        """Store a mask, scored against its truth, and its confidence; the facts come last."""
        mask, confidence = prediction
        with timed(timings, "encode"):
            objects = {keys.png: encode_mask(mask)}
            if confidence is not None:
                objects[keys.confidence] = encode_confidence(confidence)
        with timed(timings, "store"):
            for key, png in objects.items():
                self._store.put(key, png, "image/png")
        height, width = mask.shape
        facts = Facts(
            width=width,
            height=height,
            shares=shares(mask),
            artifact=artifact,
            made_at=datetime.now(UTC),
            timings_ms=timings,
        )
        self._compare(facts, mask, truth)
        self._write(keys, facts)
        return facts

    def score(self, keys: MaskKeys, facts: Facts, truth: str | None) -> NDArray[np.int64] | None:
        """Pixel counts, int64 (8, 8), of a stored mask against a truth, when there is a usable one.

        They are kept in the facts, so that the same pair is never decoded twice.
        """
        if truth is not None and truth not in facts.confusions:
            self._compare(facts, decode_mask(self._store.get(keys.png)), truth)
            self._write(keys, facts)
        counts = facts.confusions.get(truth or "")
        return np.array(counts, np.int64) if counts else None

    def _compare(self, facts: Facts, mask: NDArray[np.uint8], truth: str | None) -> None:
        if truth is None:
            return
        try:
            counts = confusion(decode_mask(self._store.get(truth_key(truth))), mask)
            facts.confusions[truth] = counts.tolist()
        except ObjectNotFound:
            log.warning("Truth %s is not in the store: no scores", truth[:12])
        except InvalidRequest as error:
            # A wrong annotation costs the scores, not the mask; it will not get better either.
            log.warning("Truth %s cannot be compared: %s", truth[:12], error.detail)
            facts.confusions[truth] = []

    def _write(self, keys: MaskKeys, facts: Facts) -> None:
        data = facts.model_dump_json().encode()
        # Whoever is told of the mask waits for one write to the disk instead of two: facts that a
        # power cut damaged are not JSON, and then the mask is made again.
        self._store.put(keys.facts, data, "application/json", spare=True)
