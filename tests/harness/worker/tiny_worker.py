"""A worker process with the tiny model: `python -m tests.harness.worker.tiny_worker [FAULT]`.

Only the model is not the real one; a model that is called `darkness` is its opposite. FAULT is one
of:

- `slow`: inference takes 20 ms per image
- `kill`, `hang`, `hang-with-lock`: the process is killed or inference hangs on poisoned images, in
  the last case without releasing Python's lock
- `decode-FAULT`: the decoder meets a fault of `tests.harness.worker.poison` in poisoned images
- `tasks`: the first 4 Celery tasks raise MemoryError or SystemExit
- `held`: every batch message blocks its thread forever
- `frozen`: Celery's loop is blocked from its start
- `none`
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from celery import signals

from roadmask.images import decoding
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from tests.harness.worker import poison
from tests.harness.worker.poison import POISON_WIDTH
from tests.harness.worker.tiny_model import (
    Brightness,
    Darkness,
    Images,
    models_loaded_by,
    no_fault,
)
from worker.app import run_worker
from worker.pipeline import fetch, sandbox
from worker.work.chunks import ChunkRunner


def slow(images: Images) -> None:
    time.sleep(0.02 * len(images))


def kill(images: Images) -> None:
    time.sleep(0.01)
    if any(image.shape[1] == POISON_WIDTH for image in images):
        os.kill(os.getpid(), signal.SIGKILL)


def hang(images: Images) -> None:
    if any(image.shape[1] == POISON_WIDTH for image in images):
        logging.warning("the model hangs on a batch of %d", len(images))
        time.sleep(3600)


def hang_with_lock(images: Images) -> None:
    if any(image.shape[1] == POISON_WIDTH for image in images):
        poison.hang_with_lock()


def poison_decoders(fault: str) -> None:
    vars(fetch)["decode_sniffed"] = poison.poisoned(decoding.decode_sniffed, fault)
    sandbox.COMMAND = poison.command(fault)


def break_tasks() -> None:
    """Let the first 4 tasks raise what would block a slot of the pool if it escaped."""
    run: Callable[[ChunkRunner, str, Lane], None] = ChunkRunner.run
    raised = [MemoryError, SystemExit, MemoryError, SystemExit]

    def broken(self: ChunkRunner, job_id: str, lane: Lane) -> None:
        if raised:
            raise raised.pop()("no room")
        run(self, job_id, lane)

    ChunkRunner.run = broken  # type: ignore[method-assign]


def hold_batches() -> None:
    """Let every batch message block its thread forever."""
    run: Callable[[ChunkRunner, str, Lane], None] = ChunkRunner.run

    def held(self: ChunkRunner, job_id: str, lane: Lane) -> None:
        if lane is Lane.BATCH:
            logging.warning("a thread is held")
            time.sleep(3600)
        run(self, job_id, lane)

    ChunkRunner.run = held  # type: ignore[method-assign]


def freeze(**_: object) -> None:
    logging.warning("the loop is frozen")
    time.sleep(3600)


def main() -> int:
    fault = sys.argv[1]
    if fault == "held":
        hold_batches()
    if fault == "frozen":
        signals.worker_ready.connect(freeze)
    if fault == "tasks":
        break_tasks()
    if fault.startswith("decode-"):
        poison_decoders(fault.removeprefix("decode-"))
    models = {"slow": slow, "kill": kill, "hang": hang, "hang-with-lock": hang_with_lock}
    return run_tiny_worker(models.get(fault, no_fault))


def run_tiny_worker(model: Callable[[Images], None]) -> int:
    """Run a worker until it is told to stop; `model` is called before each inference."""
    logging.basicConfig(level="INFO", stream=sys.stderr)
    logging.getLogger("httpx").setLevel("WARNING")
    bright, dark = Brightness(model), Darkness(model)
    models = models_loaded_by(lambda found: dark if found.name.startswith("darkness") else bright)
    return run_worker(Settings(), models, list(Lane))


if __name__ == "__main__":
    sys.exit(main())
