"""A worker process with the tiny model: `python -m tests.worker.tiny_worker [FAULT]`.

Everything but the model is the real thing. A fault strikes at images that are 13 pixels wide, or
at the task.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from roadmask.jobs import Lane
from roadmask.settings import Settings
from tests.worker.brightness import Brightness, Images, no_fault
from worker.app import run_worker
from worker.chunks import Chunks

POISON_WIDTH = 13


def slow(images: Images) -> None:
    time.sleep(0.02 * len(images))


def kill(images: Images) -> None:
    time.sleep(0.01)
    if any(image.shape[1] == POISON_WIDTH for image in images):
        os.kill(os.getpid(), signal.SIGKILL)


def hang(images: Images) -> None:
    if any(image.shape[1] == POISON_WIDTH for image in images):
        time.sleep(3600)


def break_tasks() -> None:
    """The first four tasks raise what would wedge a slot of the pool if it got out."""
    work: Callable[[Chunks, str, Lane], None] = Chunks.work
    raised = [MemoryError, SystemExit, MemoryError, SystemExit]

    def broken(self: Chunks, job_id: str, lane: Lane) -> None:
        if raised:
            raise raised.pop()("no room")
        work(self, job_id, lane)

    Chunks.work = broken  # type: ignore[method-assign]


def hold_batches() -> None:
    """Whatever thread takes a batch message keeps it for ever."""
    work: Callable[[Chunks, str, Lane], None] = Chunks.work

    def held(self: Chunks, job_id: str, lane: Lane) -> None:
        if lane is Lane.BATCH:
            logging.warning("a thread is held")
            time.sleep(3600)
        work(self, job_id, lane)

    Chunks.work = held  # type: ignore[method-assign]


def main() -> int:
    fault = sys.argv[1]
    if fault == "held":
        hold_batches()
    if fault == "tasks":
        break_tasks()
    model = {"slow": slow, "kill": kill, "hang": hang}.get(fault, no_fault)
    logging.basicConfig(level="INFO", stream=sys.stderr)
    return run_worker(Settings(), Brightness(model).models(), list(Lane))


if __name__ == "__main__":
    sys.exit(main())
