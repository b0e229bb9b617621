"""`roadmask jobs` where the test decides how far the jobs are."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from roadmask import Client
from tests.harness.client.program import PROGRAM, call_roadmask
from tests.harness.client.stub_server import StubResponse, stub_server
from tests.harness.images.api_images import picture
from tests.harness.worker.fake_worker import FakeWorker

LOST = "01930000-0000-7000-8000-000000000000"
"""Id of no job."""


def test_a_job_is_canceled_and_a_failed_one_retried(
    client: Client, worker: FakeWorker, tmp_path: Path
) -> None:
    def jobs(*arguments: str) -> tuple[int, str]:
        done = call_roadmask("jobs", *arguments, cwd=tmp_path, ROADMASK_URL=client.base_url)
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


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", LOST),
        ("jobs", LOST, "--watch"),
        ("jobs", "nonsense"),
        ("annotations", LOST),
        ("delete", "job", LOST, "--yes"),
        ("delete", "dataset", "lost", "--yes"),
    ],
)
def test_what_is_lost_is_wrong_use(client: Client, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = call_roadmask(*words, cwd=tmp_path, ROADMASK_URL=client.base_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no ")


def test_a_job_that_has_ended_is_not_canceled(
    client: Client, worker: FakeWorker, tmp_path: Path
) -> None:
    job = client.submit(files=[picture(3)])
    worker.finish(job.id)
    done = call_roadmask("jobs", job.id, "--cancel", cwd=tmp_path, ROADMASK_URL=client.base_url)
    assert done.returncode == 0
    assert "The job had ended already: it is succeeded." in done.stderr


def test_a_limit_is_what_is_fetched(tmp_path: Path) -> None:
    with stub_server(StubResponse(body=b'{"jobs": [], "next": null}')) as stub:
        call_roadmask("jobs", "--limit", "3", cwd=tmp_path, ROADMASK_URL=stub.url)
    assert stub.requests[-1].path == "/v1/jobs?limit=3"
    for limit in ("0", "-3"):
        done = call_roadmask("jobs", "--limit", limit, cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@pytest.mark.slow
def test_jobs_are_readable_in_a_narrow_terminal_and_whole_in_a_pipe(
    client: Client, worker: FakeWorker, tmp_path: Path
) -> None:
    job = client.submit(files=[picture(seed) for seed in range(3)], name="front camera, week 12")
    worker.finish(job.id, failing=(1,))
    words = ("jobs", "--url", client.base_url)
    lines = run_in_terminal(words, columns=80)
    assert lines[:2] == [
        f"{job.id}  completed_with_errors",
        "  2/3 done  interactive  1 failed  front camera, week 12",
    ]
    assert all(len(line) <= 80 for line in lines)
    piped = call_roadmask(*words, cwd=tmp_path).stdout.splitlines()
    assert piped[0].split() == ["id", "name", "state", "lane", "done", "failed"]
    assert "completed_with_errors" in piped[1]


def run_in_terminal(words: tuple[str, ...], columns: int) -> list[str]:
    """The lines that the program prints in a terminal of this width."""
    master, slave = pty.openpty()
    env = os.environ | {"COLUMNS": str(columns)}
    done = subprocess.run([*PROGRAM, *words], stdout=slave, env=env, check=True, timeout=60)
    assert done.returncode == 0
    os.close(slave)
    text = b""
    with suppress(OSError):
        while block := os.read(master, 4096):
            text += block
    os.close(master)
    return text.decode().splitlines()


def test_a_wrong_id_of_a_key_is_one_sentence(client: Client, tmp_path: Path) -> None:
    arguments = ("share", "job", LOST, "--key", "rm_0123456789ab_secret")
    done = call_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL=client.base_url)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: keys.0: ")
    assert "secret" not in done.stderr
