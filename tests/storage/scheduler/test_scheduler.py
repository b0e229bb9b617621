"""Without any worker deadlines pass, webhooks go out, and an emptied Redis is rebuilt."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import JobState
from roadmask.settings import Settings
from storage.jobs.keys import RECONCILED
from storage.redis_text import now_ms
from storage.scheduler.cli import scheduler
from storage.scheduler.scheduler import Scheduler
from tests.harness.client.program import PROGRAM
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until
from tests.servers.receiver import SECRET, Receiver
from tests.servers.service import Program


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    scheduler = Scheduler(settings)
    scheduler.start()
    yield
    scheduler.stop()


def test_a_deadline_passes_and_its_webhook_goes_out(harness: RecordsHarness) -> None:
    changes = {"webhook_hosts": ["127.0.0.0/8"], "webhook_secret": SECRET}
    settings = Settings(**{**harness.settings.model_dump(), **changes})
    with Receiver() as receiver:
        job_id = harness.accept(3, deadline_s=0.2, webhook=receiver.url)
        with running(settings):
            wait_until(lambda: receiver.calls)
        [call] = receiver.calls
    assert harness.job(job_id).state is JobState.EXPIRED
    assert (call.body["type"], call.body["data"]["id"]) == ("job.expired", job_id)


def test_an_emptied_redis_is_rebuilt(harness: RecordsHarness) -> None:
    open_job, done = harness.accept(40), harness.accept(2)
    harness.work(done)
    before = harness.job(done)
    harness.redis.flushall()
    with pytest.raises(RecordsUnavailable):
        harness.job(open_job)
    with running(harness.settings):
        wait_until(lambda: harness.redis.hexists("rm:epoch", "server"))
    assert harness.job(done) == before
    harness.work(open_job)
    harness.check_succeeded(open_job, 40)


def test_the_check_has_the_rule_of_readiness(harness: RecordsHarness) -> None:
    def check(last_ms: int | str, reconcile_s: float) -> Result:
        harness.redis.hset(RECONCILED, "last_ms", last_ms)
        env = {
            "ROADMASK_REDIS_URL": harness.settings.redis_url,
            "ROADMASK_RECONCILE_S": str(reconcile_s),
        }
        return CliRunner().invoke(scheduler, ["--check"], env=env)

    before = now_ms(harness.redis) - 80_000
    assert check(before, 10).exit_code == 0
    late = check(before, 1)
    assert late.exit_code == 1
    assert str(late.exception).startswith("The reconciler has done no round for 8")
    damaged = check("soon", 1)
    assert isinstance(damaged.exception, SystemExit), damaged.exception


@pytest.mark.slow
def test_the_program_runs_until_sigterm_and_says_whether_it_works(
    harness: RecordsHarness, tmp_path: Path
) -> None:
    env = {
        "ROADMASK_REDIS_URL": harness.settings.redis_url,
        "ROADMASK_DATA_DIR": str(harness.settings.data_dir),
    }

    def check() -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "scheduler", "--check"]
        return subprocess.run(command, env=os.environ | env, text=True, capture_output=True)

    failed = check()
    assert (failed.returncode, "no round yet" in failed.stderr) == (1, True)
    with ExitStack() as exits:
        program = exits.enter_context(Program(tmp_path / "scheduler", env, "scheduler"))
        wait_until(lambda: harness.redis.hexists("rm:reconciled", "last_ms"))
        assert check().returncode == 0
        program.signal(signal.SIGTERM)
        assert program.wait(20) == 0
