"""Leases: a worker holds a chunk of a job for a while, and only the holder may end its items.

Each claim has a fencing token. A worker that was paused for longer than its lease loses the chunk,
and its later commits are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ManifestUnreadable, StoreUnavailable, WorkerCrashed
from roadmask.schemas.jobs import Lane, Problem, Result
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.settings import Settings
from storage.connections import records_guard
from storage.jobs import item_bytes
from storage.jobs.archive import JobArchive
from storage.jobs.events import encode_item
from storage.jobs.manifest import ManifestItem, read_range
from storage.jobs.results import Results, cells, encode_error, encode_result
from storage.jobs.scripts import Begun, ItemCommit, JobScripts, Lease
from storage.objects.store import ObjectStore

ORIGIN = {"request_id": "request_id", "key_id": "owner"}
"""From names in log lines to the fields of the record."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item to segment."""

    index: int
    attempts: int
    """Number of earlier attempts. An item with any is a suspect."""
    item: ManifestItem
    flight: str = ""
    """Name of its mask's inference, which only one worker at a time may run."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased chunk, with those of its items that have not ended."""

    job_id: str
    chunk: int
    token: int
    lane: Lane
    model: str
    confidence: bool
    """Whether the confidence of each mask is stored, too."""
    parameters: MaskParameters
    items: list[ClaimedItem]
    origin: dict[str, str]
    """`request_id` and `key_id` of the request that created the job, if known, for log lines."""

    @property
    def lease(self) -> Lease:
        """The lease of the chunk."""
        return Lease(self.job_id, self.chunk, self.token)


class Leases:
    """The changes that workers make to job records.

    Every method raises `RecordsUnavailable` without Redis. A command may be repeated after its
    reply was lost: a second claim takes another chunk; a second begin or commit changes nothing.
    """

    def __init__(
        self,
        store: ObjectStore,
        scripts: JobScripts,
        results: Results,
        archive: JobArchive,
        settings: Settings,
    ) -> None:
        self._store = store
        self._scripts = scripts
        self._results = results
        self._archive = archive
        self._lease_ms = int(settings.lease_s * 1000)
        self.max_attempts: int = min(settings.max_attempts, item_bytes.MAX_ATTEMPTS)

    @records_guard()
    def claim(self, job_id: str, worker_id: str) -> Claim | None:
        """Lease a chunk of the job; None when the job has no free chunk, or has ended.

        Items whose line in the manifest cannot be read fail here, as `manifest_unreadable`. Raises
        `StoreUnavailable`.
        """
        names = ["lane", "model", "chunk_size", "confidence", "request_id", "owner"]
        names += MaskParameters.model_fields
        claimed = self._scripts.claim_chunk(job_id, self._lease_ms, worker_id, names)
        if claimed is None:
            return None
        _, chunk, token = claimed.lease
        record = claimed.record
        first = chunk * int(record.get("chunk_size", 1))
        try:
            manifest = read_range(self._store, job_id, first, first + len(claimed.items))
        except Exception:
            self._scripts.release_chunk(claimed.lease)
            raise
        unfinished = [
            (first + offset, byte, item)
            for offset, (byte, item) in enumerate(zip(claimed.items, manifest, strict=True))
            if not item_bytes.is_final(byte)
        ]
        self._fail_unreadable(claimed.lease, [index for index, _, item in unfinished if not item])
        items = [
            ClaimedItem(index, item_bytes.attempts(byte), item)
            for index, byte, item in unfinished
            if item
        ]
        return Claim(
            job_id,
            chunk,
            token,
            Lane(record["lane"]),
            record["model"],
            "confidence" in record,
            MaskParameters.of(record),
            items,
            {known_as: record[name] for known_as, name in ORIGIN.items() if name in record},
        )

    def _fail_unreadable(self, lease: Lease, indices: list[int]) -> None:
        """Fail the items whose images are not known."""
        if not indices:
            return
        log.error("job %s: items %s are not in its manifest and fail", lease.job_id, indices)
        unreadable = ManifestUnreadable(
            "The line of this item in the job's manifest cannot be read, so its image is not known."
            " Submit a new job for the image."
        )
        error = Problem.model_validate(unreadable.problem())
        self._scripts.commit_items(lease, [_failed(index, None, error) for index in indices])

    @records_guard()
    def begin(self, claim: Claim, indices: Iterable[int]) -> Begun:
        """Count an attempt at each item, before its image is fetched.

        The number of the attempt follows from the claimed item, so a repeated call counts it once.
        No item is begun if the lease is lost or the job has ended. Items without attempts left
        fail here, as `worker_crashed`. Items in flight in another worker stay unchanged.
        """
        items = [_claimed(claim, index) for index in indices]
        attempts = ((item.index, item.attempts + 1, item.flight) for item in items)
        reply = self._scripts.begin_items(claim.lease, self.max_attempts, attempts)
        for index in reply.exhausted:
            crashed = WorkerCrashed(
                f"The worker died or was lost on each of {self.max_attempts} attempts at this "
                "image. Check the image; a retry of the job tries it again."
            )
            self.commit(claim, index, None, Problem.model_validate(crashed.problem()), None)
        return reply

    @records_guard()
    def commit(
        self,
        claim: Claim,
        index: int,
        result: Result | None,
        error: Problem | None,
        confusion: NDArray[np.int64] | None,
    ) -> bool:
        """End an item with its result or its error.

        `confusion` is the (8, 8) matrix against the item's truth, if it has one. Returns False if
        nothing changed, because the lease is lost, or the job or the item has ended.
        """
        if result is not None:
            commit = _succeeded(claim, index, result, confusion)
        elif error is not None:
            item = _claimed(claim, index)
            commit = _failed(index, item.item, error, item.flight)
        else:
            raise ValueError("an item ends with a result or with an error")
        return bool(self._scripts.commit_items(claim.lease, [commit]))

    @records_guard()
    def commit_cached(
        self, claim: Claim, cached: Mapping[int, tuple[Result, NDArray[np.int64] | None]]
    ) -> int:
        """End items whose masks exist already, in one step. Returns the number of items that ended.

        `cached` maps an item's index to its result and, if it has a truth, its confusion matrix.
        """
        commits = (
            _succeeded(claim, index, result, confusion)
            for index, (result, confusion) in cached.items()
        )
        return self._scripts.commit_items(claim.lease, commits)

    @records_guard()
    def renew(self, claims: Sequence[Claim]) -> list[Claim]:
        """Extend the leases; return the claims whose leases are lost."""
        held = self._scripts.renew_leases((claim.lease for claim in claims), self._lease_ms)
        return [claim for claim, is_held in zip(claims, held, strict=True) if not is_held]

    @records_guard()
    def release(self, claim: Claim, suspects: Iterable[int] = ()) -> bool:
        """End the lease; return whether the job may have more chunks to claim.

        Begun items that have not ended are queued again. Only the attempts of `suspects` count,
        because the worker did not die. A chunk whose items have all ended is sealed, and the last
        chunk archives the job.
        """
        released = self._scripts.release_chunk(claim.lease, suspects)
        try:
            if released.sealable:
                self._results.seal(claim.job_id, claim.chunk)
            if released.archivable:
                self._archive.add(claim.job_id)
        except StoreUnavailable:
            log.warning("job %s: chunk %d will be sealed later", claim.job_id, claim.chunk)
        return released.claimable


def _succeeded(
    claim: Claim, index: int, result: Result, confusion: NDArray[np.int64] | None
) -> ItemCommit:
    item = _claimed(claim, index)
    return ItemCommit(
        index=index,
        state=item_bytes.SUCCEEDED,
        result=encode_result(result, confusion),
        event=encode_item(index, item.item, None, result.cached),
        cached=result.cached,
        flight=item.flight,
        confusion=cells(confusion) if confusion is not None else {},
    )


def _failed(index: int, item: ManifestItem | None, error: Problem, flight: str = "") -> ItemCommit:
    return ItemCommit(
        index=index,
        state=item_bytes.FAILED,
        result=encode_error(error),
        event=encode_item(index, item, error, cached=False),
        cached=False,
        flight=flight,
        confusion={},
    )


def _claimed(claim: Claim, index: int) -> ClaimedItem:
    return next(item for item in claim.items if item.index == index)
