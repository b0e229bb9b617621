"""Faults of clocks: one process's clock is set while jobs run."""

from __future__ import annotations

import time

from tests.faults.service import POLL_S
from tests.faults.workload import Sample, Workload
from tests.harness.waiting import wait_until
from tests.servers.fake_clock import FakeClock
from tests.servers.process import START_S, Server

STEP_S = 20 * 60.0
IMAGES = 120
HELD_S = 0.5
"""Time in which workers take leases, seconds."""


def step_redis(workload: Workload, seconds: float) -> None:
    """A worker dies with its watchdog process: its leases must end although the clock was set."""
    service = workload.service
    _step(workload, service.redis_server, seconds)
    service.workers[-1].kill_with_children()


def step_worker(workload: Workload, seconds: float) -> None:
    service = workload.service
    _step(workload, service.workers[0], seconds)
    service.workers[-1].kill_with_children()


def step_api(workload: Workload, seconds: float) -> None:
    """Jobs are accepted and read with the wrong time, which is set right again."""
    api = workload.service.api
    _step(workload, api, seconds)
    workload.wait_for_share(0.7)
    assert api.clock is not None
    api.clock.step(0)


def _step(workload: Workload, server: Server, seconds: float) -> None:
    """Set the clock of a server while workers have leases on a new job."""
    service = workload.service
    server.clock = FakeClock(service.folder / f"clock-{server.port}")
    server.restart()
    wait_until(service.is_ready, START_S, POLL_S)
    workload.submit([Sample.make() for _ in range(IMAGES)])
    time.sleep(HELD_S)
    server.clock.step(seconds)
