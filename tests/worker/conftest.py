"""Fixtures shared by the tests of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from roadmask.settings import Settings
from tests.harness.latch import Latch
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.worker import TinyWorker

Launch = Callable[..., TinyWorker]


@pytest.fixture
def latch() -> Latch:
    return Latch()


@pytest.fixture
def service(settings: Settings, redis: Redis) -> Iterator[ServiceHarness]:
    """Creates jobs on an empty Redis and an empty store."""
    with ServiceHarness.open(settings) as service:
        yield service


@pytest.fixture
def launch(settings: Settings, service: ServiceHarness, tmp_path: Path) -> Iterator[Launch]:
    """Start a worker process with a fault and, where given, other settings."""
    with ExitStack() as running:

        def launch_one(fault: str = "none", **other: object) -> TinyWorker:
            folder = tmp_path / f"worker-{len(list(tmp_path.iterdir()))}"
            worker = TinyWorker(folder, settings.model_copy(update=other), fault)
            return running.enter_context(worker)

        yield launch_one
