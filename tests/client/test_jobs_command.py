"""`roadmask jobs` where the test decides how far the jobs are."""

from __future__ import annotations

import json
from pathlib import Path

from roadmask import Client
from tests.api.fake_worker import FakeWorker
from tests.api.pictures import picture
from tests.cli.conftest import run_roadmask


def test_a_job_is_canceled_and_a_failed_one_retried(
    client: Client, worker: FakeWorker, tmp_path: Path
) -> None:
    def jobs(*arguments: str) -> tuple[int, str]:
        done = run_roadmask("jobs", *arguments, cwd=tmp_path, ROADMASK_URL=client.base_url)
        return done.returncode, done.stdout or done.stderr

    waiting, failing = (client.submit(files=[picture(seed)]) for seed in (1, 2))
    code, out = jobs(waiting.id, "--cancel", "--json")
    assert (code, json.loads(out)["state"]) == (0, "canceled")
    worker.finish(failing.id, failing=(0,))
    code, out = jobs(failing.id)
    assert "failed: " in out
    assert "It is damaged." in out
    code, out = jobs(failing.id, "--retry", "--json")
    assert (code, json.loads(out)["counts"]["queued"]) == (0, 1)
    code, out = jobs(failing.id, "--retry")
    assert code == 1
    assert out.startswith("Error: ")
