"""The image `all-in-one` within the limits of the smallest plans: 512 MB, ready in 30 s."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import numpy as np
import pytest

from roadmask import Client
from roadmask.images.decoding import encode_jpeg
from tests.containers.engine import build, engine, image_mb, limits, memory_mb, process_ids
from tests.harness.client.photo_folders import run, tree
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/roadmask-all-in-one"
LIMIT_MB = 512
READY_S = 30.0
IMAGES = 200
WIDTH, HEIGHT = 960, 720
"""The size of CamVid's photos."""
KEY = "a key of the tests"

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, str]]:
    """The name of the container and its URL."""
    build(IMAGE, ROOT, ["--target", "all-in-one"])
    name, port = f"roadmask-{secrets.token_hex(3)}", free_port()
    memory = f"{LIMIT_MB}m"
    environment = {
        "PORT": "5000",
        "ROADMASK_PUBLIC_URL": f"http://{HOST}:{port}",
        "ROADMASK_API_KEY_HASHES": f'["{hashlib.sha256(KEY.encode()).hexdigest()}"]',
    }
    options = [word for item in environment.items() for word in ("--env", "=".join(item))]
    bounds = ["--memory", memory, "--memory-swap", memory, "--publish", f"{HOST}:{port}:5000"]
    engine("run", "--detach", "--name", name, *limits(), *bounds, *options, IMAGE)
    try:
        yield name, f"http://{HOST}:{port}"
    finally:
        engine("kill", name, check=False)
        engine("rm", "--force", "--volumes", name, check=False)


def test_it_is_ready_in_time(service: tuple[str, str]) -> None:
    name, url = service
    begun = time.monotonic()
    while not _is_ready(url):
        assert time.monotonic() - begun < READY_S, engine("logs", name, check=False).stderr[-3000:]
        time.sleep(0.2)
    click.echo(f"ready after {time.monotonic() - begun:.1f} s; {image_mb(IMAGE):.0f} MB")


def test_a_folder_stays_within_the_memory(service: tuple[str, str], tmp_path: Path) -> None:
    name, url = service
    random = np.random.default_rng(1)
    (tmp_path / "photos").mkdir()
    for number in range(IMAGES):
        blocks = random.integers(0, 256, (HEIGHT // 24, WIDTH // 24, 3), np.uint8)
        photo = encode_jpeg(blocks.repeat(24, 0).repeat(24, 1))
        (tmp_path / f"photos/{number}.jpg").write_bytes(photo)
    begun = time.monotonic()
    with Client(url, KEY) as client:
        progress = run(client, tmp_path / "photos", tmp_path / "masks")
    seconds = time.monotonic() - begun
    state = engine("inspect", "--format", "{{.State.OOMKilled}} {{.State.Running}}", name).stdout
    restarts = [line for line in engine("logs", name).stderr.splitlines() if "restarting" in line]
    click.echo(
        f"{IMAGES} images in {seconds:.0f} s, {IMAGES / seconds:.1f} images/s; "
        f"{memory_mb(name):.0f} MB at the end"
    )
    assert (progress.done, progress.failed) == (IMAGES, 0)
    assert len(tree(tmp_path / "masks")) == IMAGES
    assert state.split() == ["false", "true"]
    assert restarts == []


def test_a_worker_that_dies_leaves_no_zombies(service: tuple[str, str]) -> None:
    name, url = service
    (worker,) = (pid for pid in process_ids(name) if _is_worker(pid))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in process_ids(name), 60)
    wait_until(lambda: _is_ready(url), 120)
    assert [pid for pid in process_ids(name) if _state(pid) == "Z"] == []


def _is_worker(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"roadmask.cli" in words and b"worker" in words


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", headers={"Authorization": f"Bearer {KEY}"}).is_success
    except httpx.TransportError:
        return False
