"""The compose file in real containers, with MinIO and with SeaweedFS: `make containers`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
import pytest

from roadmask import Client
from tests.containers.base_images import PYTHON, make_server_images
from tests.containers.compose import ComposeProject, stand_in
from tests.containers.conftest import PHOTOS
from tests.containers.engine import engine, has_image, image_mb
from tests.harness.client.photo_folders import run, tree
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port

ROOT = Path(__file__).parents[2]
STORES = {"minio": [], "seaweedfs": [ROOT / "deploy/seaweedfs.yml"]}
LARGEST_MB = {"api": 900, "worker": 900}
"""Images with their base, megabytes."""
LARGEST_MEMORY_MB = {"api": 150, "worker": 350}

pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Running:
    """The project, its URL and an API key."""

    project: ComposeProject
    url: str
    key: str

    def client(self) -> Client:
        return Client(self.url, self.key)


@pytest.fixture(scope="module", params=STORES)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    ports = {"8000": free_port(), "9000": free_port(), "9001": free_port()}
    url = f"http://{HOST}:{ports['8000']}"
    variables = {
        "ROADMASK_PUBLIC_URL": url,
        "ROADMASK_MINIO_PUBLIC_URL": f"http://{HOST}:{ports['9000']}",
    }
    files = [ROOT / "docker-compose.yml", *STORES[request.param]]
    project = ComposeProject(ROOT, files, variables, ports)
    images = [stand_in(project.services[name]["image"]) for name in ("redis", "objects")]
    make_server_images(*images)
    project.build()
    with project:
        # As the first lines of the compose file say.
        made = project.run("operator", "roadmask", "keys", "create", "test", "--scopes", "admin")
        key = re.search(r"rm_\w+", made)
        assert key, made
        project.up()
        yield Running(project, url, key[0])


def test_the_images_are_small(running: Running) -> None:
    sizes = {target: image_mb(f"localhost/roadmask-{target}") for target in LARGEST_MB}
    base = image_mb(PYTHON) if has_image(PYTHON) else 0
    click.echo(f"images, MB: {sizes}; their base: {base}")
    assert all(sizes[target] <= LARGEST_MB[target] for target in sizes), sizes


def test_a_folder_is_segmented_and_links_work_outside(
    running: Running, photos: Path, tmp_path: Path
) -> None:
    with running.client() as client:
        progress = run(client, photos, tmp_path / "masks")
        assert (progress.done, progress.failed) == (PHOTOS, 0)
        job = client.submit(files=[photos / "drive/0.png"])
        item = next(client.results(client.wait(job, 120)))
    assert item.result is not None
    assert item.result.mask_url is not None
    answer = httpx.get(item.result.mask_url)
    assert answer.headers["Content-Type"] == "image/png"
    assert len(tree(tmp_path / "masks")) == PHOTOS


def test_the_settings_pass_their_check(running: Running) -> None:
    done = running.project.run("operator", "roadmask", "config", "check")
    assert "FAIL" not in done
    assert "store: delete" in done


def test_no_process_compiles_python_at_its_start(running: Running) -> None:
    script = """
import importlib.util as find, pathlib
for name in ("json", "celery", "openvino", "roadmask", "worker.process"):
    assert pathlib.Path(find.find_spec(name).cached).exists(), name
"""
    engine("exec", running.project.container("worker"), "python", "-c", script)


def test_memory_stays_within_its_bounds(running: Running) -> None:
    project = running.project
    used = {
        name: project.memory_mb(name)
        for name in ("redis", "objects", "scheduler", *LARGEST_MEMORY_MB)
    }
    click.echo(f"memory, MB: {used}")
    assert all(used[name] <= LARGEST_MEMORY_MB[name] for name in LARGEST_MEMORY_MB), used


@pytest.mark.parametrize("service", ["api", "worker"])
def test_a_process_that_was_taken_over_can_do_little(running: Running, service: str) -> None:
    container = running.project.container(service)
    assert engine("exec", container, "id", "-u").stdout.strip() == "10001"
    written = engine("exec", container, "touch", "/opt/roadmask/new", check=False)
    assert written.returncode != 0
    status = engine("exec", container, "cat", "/proc/1/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize("service", ["worker", "scheduler", "api", "redis", "objects"])
def test_a_container_that_is_killed_costs_no_image(
    running: Running, service: str, photos: Path
) -> None:
    project = running.project
    files = [path.read_bytes() + service.encode() for path in sorted(photos.rglob("*.png"))]
    with running.client() as client:
        job = client.submit(files=files, lane="batch")
        seconds = project.restart(service)
        click.echo(f"{service} was killed; healthy again after {seconds:.1f} s")
        wait_until(lambda: project.is_healthy("api"), 120)
        ended = client.wait(job.id, 300)
        assert (ended.counts.succeeded, ended.counts.total) == (PHOTOS, PHOTOS)
        for item in client.results(job.id):
            assert client.mask(item).shape
