"""A small run of faults on a service of its own, for people to watch."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from roadmask.client.client import Client
from roadmask.hashing import sha256_of
from roadmask.local.invariants import ExpectedItem, InvariantCheck, InvariantReport
from roadmask.local.stack import Stack
from roadmask.schemas.jobs import FINAL_STATES, Job, Lane

IMAGES = 24
WIDTH, HEIGHT = 320, 240
WORKERS = 2
OUTAGE_S = 3.0
"""Time for which the store cannot be written, seconds."""
POLL_S = 0.05
PATIENCE_S = 600.0
"""Longest wait for a start of the service and for the end of a job, seconds."""


@dataclass(frozen=True, slots=True)
class ChaosFault:
    """A fault that begins when the first image of a job has its mask."""

    name: str
    inject: Callable[[Stack], None]
    """Begins the fault and ends it."""


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """One job through one fault."""

    fault: str
    report: InvariantReport
    recovery_s: float
    """Seconds from the end of the fault to the end of the job."""


@contextmanager
def scratch_service(log: Callable[[str], None]) -> Iterator[Stack]:
    """A service in a temporary folder, which is deleted at the end. Other services go on.

    `log` gets a line when a process is ready, dies or is started again. Raises what `Stack` raises.
    """
    with tempfile.TemporaryDirectory(prefix="roadmask-chaos-") as folder:
        log(f"a temporary service starts in {folder}; other services are not touched")
        with Stack(
            Path(folder), port=0, workers=WORKERS, start_timeout=PATIENCE_S, log=log
        ) as stack:
            yield stack


class Chaos:
    """Sends the same images through a service again and again, with a fault each time."""

    def __init__(self, stack: Stack, client: Client) -> None:
        """`client` must be patient enough to wait for a process that is started again."""
        self._stack = stack
        self._client = client
        self._images = [_noise_image() for _ in range(IMAGES)]

    def runs(self, faults: Iterable[ChaosFault]) -> Iterator[ChaosRun]:
        """Break the service in each way, and check what must hold. Raises what the client raises.

        Masks that are stored in the service are deleted.
        """
        expected = self._expected()
        for fault in faults:
            yield self._run(fault, expected)

    def _expected(self) -> list[ExpectedItem]:
        """Segment the images without a fault. The last item is damaged: it alone must fail."""
        job = self._client.wait(self._submit(), PATIENCE_S)
        items = list(self._client.results(job))[:IMAGES]
        masks = [ExpectedItem(sha256_of(self._client.mask_bytes(item))) for item in items]
        return [*masks, ExpectedItem(None, may_fail=True)]

    def _run(self, fault: ChaosFault, expected: Sequence[ExpectedItem]) -> ChaosRun:
        # The service would reuse stored masks, and the job would have no work left.
        shutil.rmtree(_masks(self._stack), ignore_errors=True)
        job = self._submit()
        self._wait_for_progress(job)
        fault.inject(self._stack)
        ended = time.monotonic()
        self._client.wait(job, PATIENCE_S)
        recovery_s = time.monotonic() - ended
        check = InvariantCheck(self._client)
        check.check(job.id, expected)
        return ChaosRun(fault.name, check.report, recovery_s)

    def _submit(self) -> Job:
        files = [*self._images, _damaged(self._images[0])]
        return self._client.submit(files=files, name="chaos", lane=Lane.BATCH)

    def _wait_for_progress(self, job: Job) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            now = self._client.job(job)
            if now.counts.succeeded or now.state in FINAL_STATES:
                return
            time.sleep(POLL_S)


def _kill(process: str, stack: Stack) -> None:
    """Kill a process as the kernel does when memory is short. Its supervisor starts it again."""
    if (pid := stack.pids[process]) is not None:
        os.kill(pid, signal.SIGKILL)


def _refuse_writes(stack: Stack) -> None:
    """Put a file in the place of the folder of masks for a while: no permission stops root."""
    masks = _masks(stack)
    aside = masks.with_name("masks-aside")
    masks.rename(aside)
    masks.touch()
    time.sleep(OUTAGE_S)
    masks.unlink()
    aside.rename(masks)


FAULTS = (
    ChaosFault("nothing", lambda _: None),
    ChaosFault("a worker is killed", partial(_kill, "worker-1")),
    ChaosFault("the other worker is killed", partial(_kill, "worker-2")),
    ChaosFault("the API is killed", partial(_kill, "api")),
    ChaosFault("Redis is killed", partial(_kill, "redis")),
    ChaosFault("the scheduler is killed", partial(_kill, "scheduler")),
    ChaosFault("masks cannot be written", _refuse_writes),
)


def _masks(stack: Stack) -> Path:
    return stack.data_dir / "objects" / "masks"


def _noise_image() -> bytes:
    """A PNG of random noise, so that no service has a mask of it in its cache."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), os.urandom(WIDTH * HEIGHT * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def _damaged(png: bytes) -> bytes:
    """A PNG of the same size and header whose pixels cannot be decoded."""
    middle, pixels = len(png) // 2, bytearray(png)
    pixels[middle : middle + 64] = bytes(64)
    return bytes(pixels)
