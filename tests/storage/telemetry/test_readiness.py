"""Readiness answers in time and with the cause, whatever is broken."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.connections import open_store
from storage.jobs.keys import RECONCILED
from storage.objects.local import LocalStore
from storage.objects.store import ObjectStore
from storage.telemetry.background_check import BackgroundCheck
from storage.telemetry.readiness import FRESH_S, Readiness, ReadinessChecks
from storage.workers import WorkerRegistry
from tests.harness.latch import Latch
from tests.servers.process import HOST
from tests.servers.redis import RedisServer

LIMIT_S = 2.0
BOTH = sorted(Lane)


@pytest.fixture(scope="module")
def faulty_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of these tests alone, which they break."""
    with RedisServer(tmp_path_factory.mktemp("faulty-redis")) as server:
        yield server


@pytest.fixture
def settings(faulty_redis: RedisServer, tmp_path: Path) -> Settings:
    return Settings(redis_url=faulty_redis.url, data_dir=tmp_path, secret="signs links in tests")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A service with a worker for both lanes and a reconciler."""
    with Redis.from_url(settings.redis_url) as redis:
        redis.flushall()
        WorkerRegistry(redis).heartbeat("w", {"consuming": BOTH, "outage": None})
        with closing(StorageBackends.open(settings)) as storage:
            storage.store.check()
            storage.reconciler.run()
        yield redis


def readiness(settings: Settings, store: ObjectStore) -> Readiness:
    """The outcome of fresh checks, which must come in time."""
    with closing(ReadinessChecks(settings, store)) as checks:
        start = time.monotonic()
        found = asyncio.run(checks.run())
        assert time.monotonic() - start < LIMIT_S
    return found


def failing(found: Readiness) -> dict[str, str]:
    return {name: error.detail for name, error in found.checks.items() if error}


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server((HOST, 0)) as server:
        yield f"{HOST}:{server.getsockname()[1]}"


def test_all_is_well(settings: Settings, redis: Redis, store: LocalStore) -> None:
    found = readiness(settings, store)
    assert failing(found) == {}
    assert found.problem is None


@contextmanager
def full(redis: Redis) -> Iterator[None]:
    redis.config_set("maxmemory", 1)
    yield
    redis.config_set("maxmemory", 0)


@contextmanager
def read_only(redis: Redis) -> Iterator[None]:
    redis.replicaof(HOST, 1)
    yield
    redis.replicaof("NO", "ONE")


@contextmanager
def without_replicas(redis: Redis) -> Iterator[None]:
    redis.config_set("min-replicas-to-write", 1)
    yield
    redis.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (full, "maxmemory"),
        (read_only, "read only replica"),
        (without_replicas, "Not enough good replicas"),
    ],
)
def test_a_redis_that_answers_but_cannot_write(
    settings: Settings,
    redis: Redis,
    store: LocalStore,
    fault: Callable[[Redis], AbstractContextManager[None]],
    cause: str,
) -> None:
    with fault(redis):
        found = readiness(settings, store)
    assert list(failing(found)) == ["redis"]
    assert cause in failing(found)["redis"]
    assert found.problem is not None
    assert found.problem.code == "records_unavailable"
    assert found.problem.extra["checks"]["store"] == "ok"


def test_a_redis_that_is_a_black_hole(settings: Settings, store: LocalStore) -> None:
    with black_hole() as address:
        settings = settings.model_copy(update={"redis_url": f"redis://{address}/0"})
        found = readiness(settings, store)
    assert list(failing(found)) == ["redis"]
    assert found.state is None


def test_an_object_store_that_is_a_black_hole(settings: Settings, redis: Redis) -> None:
    with black_hole() as address:
        changed = {"store": "minio", "minio_endpoint": address, "minio_secret_key": SecretStr("s")}
        found = readiness(settings, open_store(settings.model_copy(update=changed)))
    assert list(failing(found)) == ["store"]
    assert "The object store has not answered for 1." in failing(found)["store"]


@pytest.mark.parametrize("folder", ["masks", "jobs", "images"])
def test_a_folder_of_the_store_that_is_none(
    settings: Settings, redis: Redis, store: LocalStore, folder: str
) -> None:
    (settings.objects_dir / folder).write_text("a file is in the way")
    found = readiness(settings, store)
    assert list(failing(found)) == ["store"]
    assert f"folder {folder}/ cannot be written: Not a directory" in failing(found)["store"]


def test_a_full_disk(settings: Settings, redis: Redis, store: LocalStore) -> None:
    with limited_files():
        found = readiness(settings, store)
    assert "cannot be written: File too large" in failing(found)["store"]


@contextmanager
def limited_files() -> Iterator[None]:
    """Files of this process may be empty only, as on a full disk: that of pytest's output too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_lane_without_a_consumer(settings: Settings, redis: Redis, store: LocalStore) -> None:
    workers = WorkerRegistry(redis)
    workers.heartbeat("w", {"lanes": BOTH, "consuming": ["batch"]})
    found = readiness(settings, store)
    assert failing(found) == {
        "workers": "No worker consumes the lane interactive. Start one with `roadmask worker`."
    }
    workers.remove("w")
    assert "No worker runs" in failing(readiness(settings, store))["workers"]
    # Of an earlier revision.
    workers.heartbeat("w", {"lanes": BOTH})
    assert failing(readiness(settings, store)) == {}


def test_workers_that_cannot_finish_their_images(
    settings: Settings, redis: Redis, store: LocalStore
) -> None:
    workers = WorkerRegistry(redis)
    workers.heartbeat("w", {"consuming": BOTH, "outage": "The disk is full."})
    assert failing(readiness(settings, store)) == {
        "workers": "No worker can finish its images: The disk is full."
    }
    workers.heartbeat("healthy", {"consuming": BOTH, "outage": None})
    assert failing(readiness(settings, store)) == {}


def test_a_reconciler_that_is_blocked(settings: Settings, redis: Redis, store: LocalStore) -> None:
    redis.hset(RECONCILED, mapping={"last_ms": 1_000_000, "error": "TypeError: boom"})
    detail = failing(readiness(settings, store))["reconciler"]
    assert detail.startswith("The reconciler has done no round for ")
    assert detail.endswith("s. The last one failed: TypeError: boom")
    redis.delete(RECONCILED)
    assert "no round yet" in failing(readiness(settings, store))["reconciler"]


def test_a_check_without_a_thread_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    check = BackgroundCheck("full", lambda: 1, FRESH_S)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="new thread"):
            check.result()
    assert check.result().result(60) == 1


def test_a_check_that_hangs_runs_once_and_results_are_shared() -> None:
    latch, runs = Latch(), []

    def hang() -> int:
        runs.append(1)
        latch.hold()
        return len(runs)

    check = BackgroundCheck("hang", hang, FRESH_S)
    first = [check.result() for _ in range(3)]
    assert check.running_s >= 0
    latch.release()
    assert first[0].result(60) == 1
    assert [check.result().result(60) for _ in range(3)] == [1, 1, 1]
    assert len(runs) == 1
