"""The whole service on one machine: what dies comes back, two never share a folder, all ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from roadmask import Client, JobState, Stack, segment_folder
from roadmask.images.decoding import encode_jpeg
from tests.harness.client import user_project
from tests.harness.client.program import SCRIPT, Run, call_roadmask
from tests.harness.waiting import wait_until

# Each start of a worker loads TensorFlow, which takes long where the cores are busy.
pytestmark = pytest.mark.timeout(300)

IMAGES = 40


def _picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    return encode_jpeg(pixels)


@pytest.mark.parametrize("name", ["api", "redis", "scheduler", "worker-1"])
def test_a_process_that_dies_is_started_again_and_no_job_is_lost(stack: Stack, name: str) -> None:
    with stack.client() as client:
        job = client.submit(files=[_picture(seed) for seed in range(8)], lane="batch")
        before = stack.pids[name]
        assert before
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: stack.pids[name] not in (None, before))
        ended = client.wait(job, timeout=90)
    assert (ended.state, ended.counts.succeeded) == (JobState.SUCCEEDED, 8)


def test_a_folder_run_outlives_the_api(stack: Stack, tmp_path: Path) -> None:
    # A name of its own: jobs of other tests are on this stack too.
    photos = tmp_path / "outlived"
    photos.mkdir()
    for number in range(IMAGES):
        (photos / f"{number}.jpg").write_bytes(_picture(1000 + number))
    with stack.client() as client:
        results = segment_folder(client, photos, tmp_path / "masks")
        first = next(results)
        before = stack.pids["api"]
        assert before
        os.kill(before, signal.SIGKILL)
        rest = list(results)
        assert stack.pids["api"] != before
        assert sum(job.counts.total for job in client.jobs() if job.name == photos.name) == IMAGES
    assert [result.error for result in (first, *rest)] == [None] * IMAGES
    assert len(list((tmp_path / "masks").glob("*.png"))) == IMAGES


def test_a_second_stack_on_the_same_folder_is_refused(stack: Stack, program: Run) -> None:
    done = program("up", "--data-dir", str(stack.data_dir), "--port", "0")
    assert done.returncode == 1
    assert f"running on {stack.data_dir} already (process {os.getpid()})" in done.stderr


def test_a_port_that_is_taken_is_named(stack: Stack, program: Run) -> None:
    port = stack.url.rpartition(":")[2]
    done = program("up", "--data-dir", "data", "--port", port)
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "--port" in done.stderr


def test_behind_a_proxy_it_answers_to_its_public_url_and_links_lead_there(tmp_path: Path) -> None:
    public = "https://masks.example.org"
    with Stack(tmp_path, port=0, workers=0, public_url=public) as stack, stack.client() as client:
        job = client.submit(files=[_picture(1)])
        job_url = f"{stack.url}/v1/jobs/{job.id}"
        answers = {
            host: httpx.get(job_url, headers={"Host": host})
            for host in ("masks.example.org", "example.org")
        }
    assert {host: answer.status_code for host, answer in answers.items()} == {
        "masks.example.org": 200,
        "example.org": 403,
    }
    assert answers["masks.example.org"].json()["urls"]["self"] == f"{public}/v1/jobs/{job.id}"


def test_a_stack_listens_on_one_address_of_its_machine(tmp_path: Path) -> None:
    with Stack(tmp_path, host="::1", port=0, workers=0) as stack, stack.client() as client:
        assert stack.url.startswith("http://[::1]:")
        urls = client.submit(files=[_picture(1)]).urls
        assert urls is not None
        assert urls.self.startswith(stack.url)
        groups = json.loads((tmp_path / "metrics.json").read_text())
        targets = {group["labels"]["process"]: group["targets"][0] for group in groups}
        assert f"http://{targets['api']}" == stack.url


def test_what_is_secret_is_its_owners_program(stack: Stack) -> None:
    for path in ("secret", "redis/redis.conf"):
        assert (stack.data_dir / path).stat().st_mode & 0o077 == 0
    secret = (stack.data_dir / "secret").read_text()
    assert len(secret) == 64
    assert all(secret not in log.read_text() for log in (stack.data_dir / "logs").iterdir())


def read_metrics(stack: Stack) -> dict[str, str]:
    """The metrics of each process; empty while one of them starts again."""
    groups = json.loads((stack.data_dir / "metrics.json").read_text())
    with suppress(httpx.ConnectError):
        return {
            group["labels"]["process"]: httpx.get(f"http://{group['targets'][0]}/metrics").text
            for group in groups
        }
    return {}


def test_every_process_serves_its_metrics_where_prometheus_finds_it(stack: Stack) -> None:
    found = wait_until(lambda: read_metrics(stack))
    assert list(found) == ["api", "scheduler", "worker-1"]
    # A worker that has just started does not consume yet.
    consuming = 'roadmask_workers{lane="interactive"} 1.0'
    wait_until(lambda: consuming in (read_metrics(stack) or {}).get("api", ""))
    assert "roadmask_engine_busy_seconds_total" in found["worker-1"]


def test_a_process_that_cannot_start_is_explained(program: Run, tmp_path: Path) -> None:
    (tmp_path / "data/redis").mkdir(parents=True)
    (tmp_path / "data/redis/appendonly.aof").write_text("this is no append-only file")
    done = program("up", "--data-dir", "data", "--port", "0")
    assert done.returncode == 1
    assert "redis does not start. Its log ends:" in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def _up(project: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """`roadmask up` as a process of its own, ready, started in the folder of a user's project."""
    process = subprocess.Popen(
        [SCRIPT, "up", "--port", "0"],
        cwd=project,
        env=os.environ | user_project.ENVIRONMENT | {"ROADMASK_LEASE_S": "5"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url
        with Client(url[0]) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_over(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as well."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_killed_with_all_it_had_in_hand_and_started_again(tmp_path: Path) -> None:
    user_project.write_project(tmp_path)
    with _up(tmp_path) as (process, client):
        job = client.submit(files=[_picture(seed) for seed in range(16)], lane="batch")
        children = _children(process.pid)
        assert len(children) == 4
        process.kill()
        wait_until(lambda: all(map(_is_over, children)))
    with _up(tmp_path) as (process, client):
        assert client.wait(job.id, timeout=90).counts.succeeded == 16
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert all(map(_is_over, children))
        assert process.stderr
        assert process.stderr.read().endswith("stopped\n")


def test_a_wrong_setting_stops_before_a_process_starts(tmp_path: Path) -> None:
    done = call_roadmask("up", "--port", "0", cwd=tmp_path, ROADMASK_LEASE_S="inf")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ROADMASK_LEASE_S: ")


def test_keys_of_a_file_go_on_to_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "0123456789abcdef" * 4
    (tmp_path / "roadmask_api_key_hashes").write_text(f'["{listed}"]\n')
    monkeypatch.setenv("ROADMASK_SECRETS_DIR", str(tmp_path))
    environment = Stack(tmp_path)._environment("redis://h/0")
    first, own = json.loads(environment["ROADMASK_API_KEY_HASHES"])
    assert (first, len(own)) == (listed, 64)
