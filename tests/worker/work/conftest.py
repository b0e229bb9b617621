"""Fixtures shared by the tests of a worker's work: workers in the process of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from roadmask.schemas.jobs import FINAL_STATES, Lane
from roadmask.settings import Settings
from tests.harness.worker.inference import refuse_to_exit
from tests.harness.worker.service_harness import ServiceHarness
from tests.harness.worker.tiny_model import Brightness
from worker.background.watchdog import Watchdog
from worker.background.watchdog_process import WatchdogProcess
from worker.models.loaded import LoadedModels
from worker.pipeline.sandbox import Sandbox
from worker.process import WorkerProcess

Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(
    settings: Settings, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Starts a worker in this process with a model or models, and stops it after the test.

    Nothing in it may end this process: the watchdog raises, and there is no watchdog process. The
    sandbox starts with its first image.
    """
    monkeypatch.setattr("worker.process.Watchdog", partial(Watchdog, exit_process=refuse_to_exit))
    monkeypatch.setattr(WatchdogProcess, "check", lambda _: None)
    monkeypatch.setattr(Sandbox, "start", lambda _: None)
    with ExitStack() as running:

        def start_one(model: Brightness | LoadedModels, max_batch: int = 4) -> WorkerProcess:
            own = settings.model_copy(update={"lease_s": 2.0, "max_batch": max_batch})
            models = model.models() if isinstance(model, Brightness) else model
            process = WorkerProcess(own, models, frozenset(Lane))
            running.callback(process.stop)
            process.start()
            return process

        yield start_one


def work(
    process: WorkerProcess, service: ServiceHarness, job_id: str, lane: Lane = Lane.BATCH
) -> None:
    """Run chunks of the job until it has ended."""
    with ThreadPoolExecutor(4) as threads:
        while service.job(job_id).state not in FINAL_STATES:
            list(threads.map(lambda _: process.chunks.run(job_id, lane), range(4)))
