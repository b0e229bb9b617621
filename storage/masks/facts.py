"""Facts about a stored mask, and the check that its bytes are those that were stored."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from roadmask.errors import MaskDamaged, MaskNotFound, ObjectNotFound
from roadmask.hashing import sha256_of
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.ids import MAX_INDEX
from roadmask.schemas.jobs import Result
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.schemas.media_types import JSON
from storage.objects.keys import facts_key
from storage.objects.store import ObjectStore
from storage.stored_record import FORMAT

SIZE = len(CITYSCAPES)

log = logging.getLogger(__name__)


class StoredBytes(BaseModel):
    """The bytes of an object as they were stored."""

    sha256: str
    size: int
    """Bytes."""
    modified: datetime
    """By the clock of the store. While it is the same, the bytes are taken to be the same."""

    @classmethod
    def of(cls, store: ObjectStore, key: str, data: bytes) -> StoredBytes:
        """Those of an object that was stored now."""
        return cls(sha256=sha256_of(data), size=len(data), modified=store.info(key).modified)

    def check(self, store: ObjectStore, key: str, *, read: bool = False) -> StoredBytes | None:
        """Return what the store has under the key, None if that is missing or something else.

        The object is only read if it was written since, as after a restore, or with `read`.
        """
        try:
            info = store.info(key)
            if info.size != self.size:
                return None
            if info.modified == self.modified and not read:
                return self
            data = store.get(key)
        except ObjectNotFound:
            return None
        if sha256_of(data) != self.sha256:
            return None
        return self.model_copy(update={"modified": info.modified})


Pixels = Annotated[int, Field(ge=0, le=MAX_INDEX)]
Row = Annotated[list[Pixels], Field(min_length=SIZE, max_length=SIZE)]
"""A row of a confusion matrix: pixel counts."""


def _whole(rows: list[Row]) -> list[Row]:
    if len(rows) not in (0, SIZE):
        raise ValueError(f"a confusion matrix has {SIZE} rows")
    return rows


class MaskFacts(MaskParameters):
    """Facts about a stored mask. With them, a later job reads neither the image nor the mask."""

    model_config = ConfigDict(extra="ignore")

    width: int
    height: int
    shares: dict[str, float]
    artifact: str
    """`name@version` of the model that made the mask."""
    made_at: datetime
    timings_ms: dict[str, float]
    confidence: float | None = None
    """Mean of the confidence, 0 to 1; None where it was not computed."""
    warnings: list[str] = Field(default_factory=list)
    """What makes the mask doubtful, for people."""
    confusions: dict[str, Annotated[list[Row], AfterValidator(_whole)]] = Field(
        default_factory=dict
    )
    """Pixel counts by the sha256 of each truth: rows are the truth, columns this mask. The list is
    empty for a truth that cannot be compared."""
    stored_mask: StoredBytes | None = None
    """The PNG; None in facts of earlier revisions, until the mask is found again."""
    stored_confidence: StoredBytes | None = None
    """The PNG of the confidence, if it is stored."""
    image_sha256: str | None = None
    """Of the image's bytes; None in facts of earlier revisions."""
    record_format: int = FORMAT


def read_facts(store: ObjectStore, key: str) -> MaskFacts | None:
    """Read facts; None if there are none, or they are damaged. Raises `StoreUnavailable`."""
    try:
        return MaskFacts.model_validate_json(store.get(key))
    except ObjectNotFound:
        return None
    except ValidationError:
        log.warning("%s is damaged", key)
        return None


def write_facts(store: ObjectStore, key: str, facts: MaskFacts) -> None:
    """Write facts. They are not durable: if a power cut damages them, the mask is made again."""
    store.put(key, facts.model_dump_json().encode(), JSON, durable=False)


def read_mask(store: ObjectStore, result: Result) -> bytes:
    """Read the PNG of a result's mask.

    Raises `MaskNotFound` if it is missing, and `MaskDamaged` if it is neither the mask of the
    result nor one that was made again since.
    """
    try:
        png = store.get(result.mask_key)
    except ObjectNotFound:
        raise MaskNotFound(
            "The mask was deleted from the object store. A new job for the image makes it again."
        ) from None
    check_mask(store, result.mask_key, png, result.mask_sha256)
    return png


def check_mask(store: ObjectStore, key: str, png: bytes, expected: str | None = None) -> None:
    """Raise `MaskDamaged` if these are not the bytes of the mask with this key.

    They are if they have the sha256 `expected`, or that of the mask's facts: a mask that was made
    again may differ in a few pixels.
    """
    sha256 = sha256_of(png)
    if sha256 == expected:
        return
    facts = read_facts(store, facts_key(key))
    known = facts.stored_mask.sha256 if facts and facts.stored_mask else None
    if sha256 != known and (expected or known):
        log.error("%s is damaged: it has the sha256 %s", key, sha256)
        raise MaskDamaged(
            "The mask in the object store is damaged. A new job for the image makes it again."
        )
