"""An erasure: the record of a deletion and of everything that is deleted with it."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from pydantic import TypeAdapter

from roadmask.errors import (
    ErasureNotFound,
    ObjectNotFound,
    RecordUnreadable,
    StoreUnavailable,
)
from roadmask.schemas.media_types import JSON
from storage.access.caller import Caller
from storage.jobs.keys import JOB_ID, new_job_id
from storage.objects.keys import ERASURES
from storage.objects.store import ObjectStore
from storage.stored_record import FORMAT, read_record
from storage.wall_clock import wall_ms

log = logging.getLogger(__name__)

PENDING, DONE = f"{ERASURES}pending/", f"{ERASURES}done/"
"""Prefixes of the records of unfinished and finished erasures."""


class Erased(StrEnum):
    """The kind of an erased object."""

    IMAGE = "image"
    TRUTH = "truth"
    DATASET = "dataset"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Erasure:
    """The record of a deletion. It names the deleted objects, without their content."""

    id: str
    kind: Erased
    name: str
    """Id of the image or the job, name of the dataset, sha256 of the truth."""
    owner: str | None
    """Owner whose objects are erased; None for all owners."""
    by: str
    """Name of the caller who requested it."""
    requested_ms: int
    images: tuple[str, ...] = ()
    """sha256s of images that are erased completely."""
    references: tuple[str, ...] = ()
    """sha256s of images that another key still has: only the results of this owner are erased."""
    objects: int = 0
    """Number of objects that were deleted or rewritten."""
    hidden_ms: int | None = None
    """Time at which clients could no longer reach the objects; None if hiding was interrupted."""
    finished_ms: int | None = None
    record_format: int = FORMAT

    def counted(self, objects: int) -> Erasure:
        """Add to the number of objects."""
        return replace(self, objects=self.objects + objects)


_ERASURE = TypeAdapter(Erasure)


@dataclass
class ErasureRecords:
    """The records in the object store. A pending erasure survives a crash and is finished later."""

    store: ObjectStore
    _skipped: set[str] = field(default_factory=set)
    """Keys of unreadable records that were logged."""

    def begin(self, kind: Erased, name: str, caller: Caller) -> Erasure:
        """Make a new record."""
        owner = None if caller.sees_all else caller.owner
        return Erasure(new_job_id(), kind, name, owner, caller.name, wall_ms())

    def save(self, erasure: Erasure) -> Erasure:
        """Write a record. A finished record moves from `PENDING` to `DONE`."""
        body = json.dumps(asdict(erasure)).encode()
        if erasure.finished_ms is None:
            self.store.put(f"{PENDING}{erasure.id}.json", body, JSON)
        else:
            self.store.put(f"{DONE}{erasure.id}.json", body, JSON)
            self.store.delete(f"{PENDING}{erasure.id}.json")
        return erasure

    def get(self, erasure_id: str) -> Erasure:
        """Read a record. Raises `ErasureNotFound` and `RecordUnreadable`."""
        if JOB_ID.fullmatch(erasure_id):
            for prefix in (DONE, PENDING):
                with suppress(ObjectNotFound):
                    return read_record(self.store, f"{prefix}{erasure_id}.json", _ERASURE)
        raise ErasureNotFound(f"There is no erasure {erasure_id[:80]!r}. Check the id.")

    def pending(self) -> list[Erasure]:
        """The readable records of unfinished erasures, the oldest first."""
        found = []
        for key in list(self.store.keys(PENDING)):
            try:
                found.append(read_record(self.store, key, _ERASURE))
            except ObjectNotFound:
                continue  # another process finished it
            except (RecordUnreadable, StoreUnavailable) as error:
                if isinstance(error, StoreUnavailable):
                    self.store.check()  # raises if the whole store is unavailable
                if key not in self._skipped:
                    log.error("the erasure %s is skipped, request it again: %s", key, error)
                self._skipped.add(key)
        return found
