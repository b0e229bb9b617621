"""`roadmask worker` with the shipped model, as a process, and what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from roadmask.jobs import FINAL_STATES, JobState, Lane
from roadmask.settings import Settings
from tests.servers.service import PROGRAM, Program
from tests.waiting import wait_until
from tests.worker.desk import Desk
from tests.worker.pictures import BAD, png
from worker.cli import worker

SECONDS = 90
"""TensorFlow takes its time to start, above all where many tests run at once."""


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
def test_the_shipped_model_segments_a_job_and_sigterm_ends_the_worker_well(
    shipped: Program, settings: Settings, env: dict[str, str]
) -> None:
    desk = Desk.open(settings)
    images = [desk.image(png(n, 320, 160)) for n in range(3)] + [desk.image(BAD["truncated"][0])]
    job_id = desk.accept(images, Lane.INTERACTIVE, messages=2)
    wait_until(lambda: desk.job(job_id).state in FINAL_STATES, SECONDS)
    job = desk.job(job_id)
    assert (job.state, job.counts.succeeded) == (JobState.COMPLETED_WITH_ERRORS, 3)
    results = [item.result for item in desk.items(job_id) if item.result]
    assert {(result.width, result.height) for result in results} == {(320, 160)}
    assert all(sum(result.shares.values()) == pytest.approx(1, abs=0.01) for result in results)

    assert run(env, "--check").returncode == 0
    shipped.signal(signal.SIGTERM)
    assert shipped.wait(SECONDS) == 0
    log = shipped.log.read_text()
    assert "worker starts model=" in log
    assert "engine=" in log
    assert f"chunk job={job_id}" in log
    assert run(env, "--check").returncode == 1


def test_a_model_that_is_not_there_ends_the_worker_with_its_reason(env: dict[str, str]) -> None:
    done = run(env, "--model", "nowhere")
    assert done.returncode == 1
    assert "The worker cannot start: There is no model 'nowhere'" in done.stderr


def test_a_model_that_does_not_load_ends_the_worker_before_it_takes_work(
    env: dict[str, str],
) -> None:
    script = """
import sys
from roadmask.jobs import Lane
from roadmask.settings import Settings
from tests.worker.brightness import find
from worker.app import run_worker
from worker.models import Models
def load(artifact):
    raise OSError("model.keras is cut off")
sys.exit(run_worker(Settings(), Models("default", find, load), list(Lane)))
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


def test_lanes_are_named_when_one_is_unknown() -> None:
    refused = CliRunner().invoke(worker, ["--lanes", "fast"])
    assert refused.exit_code == 2
    assert "interactive, batch" in refused.output
