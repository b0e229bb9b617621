"""`roadmask worker` as a process with the shipped model, and its errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from roadmask.schemas.jobs import FINAL_STATES, JobState, Lane
from roadmask.settings import Settings
from tests.harness.client.program import PROGRAM
from tests.harness.images.worker_images import BAD, png
from tests.harness.waiting import wait_until
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.service import Program
from worker.cli import worker

SECONDS = 90
"""TensorFlow starts slowly, above all if many tests run at once."""


@pytest.fixture
def env(settings: Settings, redis: Redis) -> dict[str, str]:
    return {
        "ROADMASK_REDIS_URL": settings.redis_url,
        "ROADMASK_DATA_DIR": str(settings.data_dir),
        "ROADMASK_SECRET": "signs links in tests",
    }


@pytest.fixture
def shipped(env: dict[str, str], tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path / "worker", env, "worker", "--threads", "2") as program:
        yield program


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "worker", *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.timeout(300)
def test_the_shipped_model_segments_a_job_and_sigterm_stops_the_worker(
    shipped: Program, service: ServiceHarness, env: dict[str, str]
) -> None:
    images = [service.image(png(n, 320, 160)) for n in range(3)]
    images.append(service.image(BAD["truncated"][0]))
    job_id = service.accept(images, Lane.INTERACTIVE, messages=2)
    wait_until(lambda: service.job(job_id).state in FINAL_STATES, SECONDS)
    job = service.job(job_id)
    assert (job.state, job.counts.succeeded) == (JobState.COMPLETED_WITH_ERRORS, 3)
    results = [item.result for item in service.items(job_id) if item.result]
    assert {(result.width, result.height) for result in results} == {(320, 160)}
    assert all(sum(result.shares.values()) == pytest.approx(1, abs=0.01) for result in results)

    assert run(env, "--check").returncode == 0
    shipped.signal(signal.SIGTERM)
    assert shipped.wait(SECONDS) == 0
    log = shipped.log.read_text()
    assert "worker starts model=" in log
    assert "engine=" in log
    assert re.search(rf"chunk ended job_id={job_id} chunk=\d+ lane=interactive ", log)
    assert run(env, "--check").returncode == 1


def test_an_unknown_model_stops_the_worker_with_a_message(env: dict[str, str]) -> None:
    done = run(env, "--model", "nowhere")
    assert done.returncode == 1
    assert "The worker cannot start: There is no model 'nowhere'" in done.stderr


def test_a_model_that_does_not_load_stops_the_worker_before_it_takes_work(
    env: dict[str, str],
) -> None:
    script = """
import sys
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from tests.harness.worker.tiny_model import models_loaded_by
from worker.app import run_worker
def load(artifact):
    raise OSError("model.keras is cut off")
sys.exit(run_worker(Settings(), models_loaded_by(load), list(Lane)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "The worker cannot start: model.keras is cut off" in done.stderr


def test_an_unknown_lane_is_refused_with_the_list_of_lanes() -> None:
    refused = CliRunner().invoke(worker, ["--lanes", "fast"])
    assert refused.exit_code == 2
    assert "interactive, batch" in refused.output
