"""One batch job over all images of `--data`, on both stores, and through faults."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from roadmask.schemas.jobs import ItemState, Job, JobState
from tests.harness.client.program import PROGRAM
from tests.harness.waiting import wait_until
from tests.servers.redis import RedisServer
from tests.servers.service import Program, Service

pytestmark = pytest.mark.timeout(900)


def ingest(service: Service, data: Path) -> int:
    """Catalogue all of `data`; how many images that are."""
    done = service.run("ingest", str(data), "--dataset", "real")
    assert done.returncode == 0, done.stderr
    with service.client() as client:
        return sum(1 for _ in client.images(dataset="real"))


def check(service: Service, job: Job, images: int) -> dict[str, str]:
    """Every item ended once, with a mask behind its URL. The masks' sha256 by image."""
    assert job.state is JobState.SUCCEEDED, job
    assert job.counts.succeeded == job.counts.total == images
    assert job.progress == 1
    with service.client() as client:
        items = list(client.results(job))
        assert Counter(item.state for item in items) == {ItemState.SUCCEEDED: images}
        events = list(client.events(job, last_id="0"))
        ended = Counter(e.data["index"] for e in events if e.type == "item")
        assert ended == dict.fromkeys(range(images), 1)
        return {
            item.image_id: hashlib.sha256(client.mask_bytes(item)).hexdigest() for item in items
        }


def evaluated(data: Path) -> dict[str, float]:
    """What `roadmask evaluate` says of the same images."""
    command = [*PROGRAM, "evaluate", "default", str(data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_both_stores_give_the_same_masks_and_the_figures_of_evaluate(
    data: Path,
    local_env: dict[str, str],
    minio_env: dict[str, str],
    tmp_path: Path,
) -> None:
    masks = {}
    reference = evaluated(data)
    for env in (local_env, minio_env):
        store = env["ROADMASK_STORE"]
        with Service(tmp_path / store, env, workers=2) as service, service.client() as client:
            images = ingest(service, data)
            job = client.wait(client.submit(dataset="real", lane="batch"), 600)
            masks[store] = check(service, job, images)
            assert job.counts.cached == 0
            assert job.scores is not None
            assert job.scores.mean_iou == pytest.approx(reference["mean_iou"], abs=1e-9)
            assert job.scores.accuracy == pytest.approx(reference["accuracy"], abs=1e-9)
            again = client.wait(client.submit(dataset="real", lane="batch"), 600)
            assert again.counts.cached == images
            assert job.finished_at
            seconds = (job.finished_at - job.created_at).total_seconds()
            print(f"\n{store}: {images} images in {seconds:.1f} s, mean IoU {job.scores.mean_iou}")
    assert masks["local"] == masks["minio"]


def begun(service: Service, job: Job, items: int) -> bool:
    with service.client() as client:
        return client.job(job).counts.succeeded >= items


def test_a_worker_killed_in_the_middle_costs_nothing(
    data: Path, minio_env: dict[str, str], tmp_path: Path
) -> None:
    with Service(tmp_path / "service", minio_env, workers=2) as service:
        images = ingest(service, data)
        with service.client() as client:
            job = client.submit(dataset="real", lane="batch")
            for share, worker in ((0.2, 0), (0.5, 1)):
                wait_until(partial(begun, service, job, int(share * images)), 300)
                service.workers[worker].restart()
            job = client.wait(job, 600)
        check(service, job, images)


def test_a_restart_of_redis_needs_no_help(
    data: Path, local_env: dict[str, str], redis_server: RedisServer, tmp_path: Path
) -> None:
    with Service(tmp_path / "service", local_env, workers=2) as service:
        images = ingest(service, data)
        with service.client() as client:
            job = client.submit(dataset="real", lane="batch")
            wait_until(lambda: begun(service, job, images // 4), 300)
            redis_server.restart()
            job = client.wait(job, 600)
        check(service, job, images)


def test_no_workers_then_two(data: Path, local_env: dict[str, str], tmp_path: Path) -> None:
    with Service(tmp_path / "service", local_env, workers=2) as service:
        images = ingest(service, data)
        with service.client() as client:
            job = client.submit(dataset="real", lane="batch")
            wait_until(lambda: begun(service, job, images // 4), 300)
            for worker in service.workers:
                worker.signal(signal.SIGTERM)
            assert [worker.wait(60) for worker in service.workers] == [0, 0]
            stopped = client.job(job)
            assert stopped.state is JobState.RUNNING
            assert stopped.counts.running == 0
            fresh = [Program(worker.folder, local_env, "worker") for worker in service.workers]
            for worker in fresh:
                worker.start()
            job = client.wait(job, 600)
            check(service, job, images)
            for worker in fresh:
                worker.stop()
