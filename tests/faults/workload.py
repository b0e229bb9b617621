"""Jobs that are submitted to a service under faults, and what their masks must be."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from roadmask import Client
from roadmask.errors import RoadmaskError
from roadmask.hashing import sha256_of
from roadmask.images.decoding import decode
from roadmask.masks.codec import encode_mask
from roadmask.schemas.jobs import FINAL_STATES, Job
from tests.faults.service import FaultyService
from tests.harness.images.worker_images import png
from tests.harness.waiting import wait_until
from tests.harness.worker.tiny_model import expected_mask

HEIGHT, WIDTH = 32, 48
PATIENCE_S = 1800.0
"""Longest wait for progress, seconds: long, because other work may use the machine."""
POLL_S = 0.2
_seeds = itertools.count(1)


@dataclass(frozen=True)
class Sample:
    """An image, its mask as a PNG, and the fingerprint by which the workers log it."""

    data: bytes
    mask: bytes
    mask_sha256: str
    pixels_sha256: str
    width: int

    @classmethod
    def make(cls, width: int = WIDTH) -> Sample:
        """Make an image that no job has had before."""
        data = png(next(_seeds), width, HEIGHT)
        pixels = decode(data, 10**6)
        mask = encode_mask(expected_mask(pixels))
        return cls(data, mask, sha256_of(mask), sha256_of(pixels.tobytes()), width)


@dataclass
class AcceptedJob:
    """A job whose submission was answered with 202, and its images in order."""

    id: str
    images: Sequence[Sample]
    is_damaged: bool = False
    """Whether the fault destroyed its record: then its items may end without a mask."""


@dataclass
class Recovery:
    """How a workload ended after a fault."""

    items_s: list[float] = field(default_factory=list)
    """For each item that was open when the fault ended: seconds from then until it ended."""
    total_s: float = 0.0
    """Seconds until the last job ended."""
    complete: bool = False
    """Whether all jobs have ended."""


@dataclass
class Workload:
    """The accepted jobs of one fault."""

    service: FaultyService
    poison: frozenset[int] = frozenset()
    """Widths of the images that may fail."""
    has_all_events: bool = True
    """Whether events of the past must be there: an emptied Redis has lost them."""
    jobs: list[AcceptedJob] = field(default_factory=list)
    damaged_keys: list[str] = field(default_factory=list)
    """Stored records that the fault damaged: a log must name each."""
    _ended: int = 0

    def submit(self, images: Sequence[Sample], *, lane: str = "batch") -> AcceptedJob:
        """Submit a job with a webhook; what the client gives up on is not accepted."""
        distinct = dict.fromkeys(image.data for image in images)
        with self.service.client() as client:
            ids = {data: client.upload(data).id for data in distinct}
            job = client.submit(
                [ids[image.data] for image in images],
                lane=lane,
                webhook=self.service.receiver.url,
            )
        accepted = AcceptedJob(job.id, images)
        self.jobs.append(accepted)
        self.service.accepted_ids.add(job.id)
        return accepted

    def wait_for_share(self, share: float) -> None:
        """Wait until a share of all items has ended."""

        def reached() -> bool:
            try:
                jobs = self._read_progress(client)
            except RoadmaskError:
                return False  # a fault may be going on
            return self._ended >= share * sum(job.counts.total for job in jobs)

        with self.service.client() as client:
            wait_until(reached, PATIENCE_S, POLL_S)

    def watch_until_ended(self, seconds: float) -> Recovery:
        """Wait at most `seconds` until all jobs have ended, and note when each item does."""
        recovery, begun = Recovery(), time.monotonic()
        with self.service.client() as client:
            with suppress(RoadmaskError):
                self._read_progress(client)
            while not recovery.complete and recovery.total_s < seconds:
                before = self._ended
                # A fault may still be going on: then the items count as ended when it is over.
                with suppress(RoadmaskError):
                    jobs = self._read_progress(client)
                    recovery.complete = all(job.state in FINAL_STATES for job in jobs)
                recovery.total_s = time.monotonic() - begun
                recovery.items_s += [recovery.total_s] * (self._ended - before)
                time.sleep(POLL_S)
        return recovery

    def _read_progress(self, client: Client) -> list[Job]:
        """Read the jobs, and count the items that have ended."""
        jobs = [client.job(job.id) for job in self.jobs]
        counts = [job.counts for job in jobs]
        ended = sum(count.succeeded + count.failed + count.canceled for count in counts)
        # A Redis that was emptied counts the sealed items only, until it is rebuilt.
        self._ended = max(self._ended, ended)
        return jobs
