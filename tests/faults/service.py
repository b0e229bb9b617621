"""A whole service whose processes, connections and stores a fault may break.

Redis, the object store, the API and the workers are real; only the network is tiny, so that each
mask can be computed by the checker as well. Processes that end are started again, as a supervisor
does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Literal, Self

import redis

from roadmask import Client
from roadmask.settings import Settings
from storage.connections import open_store
from tests.faults.inferences import InferenceLog
from tests.faults.poison import ONCE
from tests.harness.waiting import wait_until
from tests.servers.fault_proxy import FaultProxy, Mode
from tests.servers.minio import ACCESS_KEY, SECRET_KEY, MinioServer
from tests.servers.process import HOST, START_S, Server
from tests.servers.receiver import SECRET, Receiver
from tests.servers.redis import RedisServer
from tests.servers.service import Api, Program

StoreKind = Literal["local", "minio"]
ROOT = Path(__file__).parents[2]
CLIENT_S = 300.0
"""Longest silence of one request, and of the service, seconds."""
POLL_S = 0.5
RETENTION_S = 3600
"""So short that the records of a soak do not grow for hours, and longer than a clock is set."""


@dataclass(frozen=True)
class Limits:
    """How long the service waits for what has died or hangs."""

    lease_s: float
    deadline_s: float
    reconcile_s: float


SHORT = Limits(lease_s=3.0, deadline_s=6.0, reconcile_s=0.5)
"""So short that a run of all faults takes minutes."""
DEFAULT = Limits(
    lease_s=Settings.model_fields["lease_s"].default,
    deadline_s=Settings.model_fields["item_deadline_s"].default,
    reconcile_s=Settings.model_fields["reconcile_s"].default,
)
"""Those of an operator who sets none."""


class Worker(Program):
    """A worker process with the model of `tests.faults.poison`."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(folder, {**env, "PYTHONPATH": str(ROOT)})

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.faults.poison"]

    def kill_with_children(self) -> None:
        """Kill the worker and its watchdog process, as a power cut does: no lease is released."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        with suppress(ProcessLookupError, FileNotFoundError):
            for pid in (*map(int, children.read_text().split()), self.pid):
                os.kill(pid, signal.SIGKILL)


class FaultyService:
    """A context: Redis and the object store behind proxies, and all processes of the service."""

    def __init__(
        self,
        folder: Path,
        store: StoreKind = "local",
        workers: int = 2,
        limits: Limits = SHORT,
    ) -> None:
        self.folder, self.store_kind, self.limits = folder, store, limits
        self.redis_server = RedisServer(folder / "redis")
        self.minio = MinioServer(folder / "minio") if store == "minio" else None
        self.redis_proxy = FaultProxy(self.redis_server.port)
        self.store_proxy = FaultProxy(self.minio.port if self.minio else 1)
        self.receiver = Receiver()
        folder.mkdir(parents=True, exist_ok=True)
        self.inferences = InferenceLog(folder / "inferences.log")
        env = self._environment()
        self.api = Api(folder / "api", env)
        self.scheduler = Program(folder / "scheduler", env, "scheduler")
        self.workers = [Worker(folder / f"worker-{n}", env) for n in range(workers)]
        self.accepted_ids: set[str] = set()
        """Jobs whose submission was answered with 202."""
        self.paused: set[Program] = set()
        """Processes that the supervisor leaves stopped."""
        self._env = env
        self._ending = Event()
        self._supervisor = Thread(target=self._supervise)
        self._exits = ExitStack()

    def client(self) -> Client:
        """A client of the API that knows how busy the machine may be."""
        return Client(self.api.url, timeout=CLIENT_S, patience=CLIENT_S)

    def settings(self) -> Settings:
        """Settings that reach Redis and the store around the proxies, for the checker."""
        names = {name.removeprefix("ROADMASK_").lower(): v for name, v in self._env.items()}
        direct = {"redis_url": self.redis_server.url}
        if self.minio:
            direct["minio_endpoint"] = self.minio.address
        fields = {name: names[name] for name in names if name in Settings.model_fields}
        plain = {n: v for n, v in fields.items() if not v.startswith("[")}
        return Settings.model_validate(plain | direct)

    def redis(self) -> redis.Redis:
        """A client of Redis around the proxy."""
        return redis.Redis.from_url(self.redis_server.url)

    def heal(self) -> None:
        """End all faults of connections and wait until the service is ready."""
        self.redis_proxy.set_mode(Mode.PASS)
        self.store_proxy.set_mode(Mode.PASS)
        self.paused.clear()
        self._correct_clocks()
        wait_until(self.is_ready, START_S, POLL_S)

    @contextmanager
    def stopped(self, workers: int) -> Iterator[None]:
        """Stop this many workers (SIGSTOP) until the block ends."""
        chosen = self.workers[:workers]
        for worker in chosen:
            worker.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in chosen:
                worker.signal(signal.SIGCONT)

    def logs(self) -> str:
        """What all processes of the service have logged."""
        programs = (self.api, self.scheduler, *self.workers)
        return "".join(program.log.read_text(errors="replace") for program in programs)

    def is_ready(self) -> bool:
        """Whether the API answers and all workers are alive."""
        try:
            with redis.Redis.from_url(self.redis_server.url) as client:
                alive = len(client.keys("rm:worker:*"))
        except redis.RedisError:
            return False
        return alive >= len(self.workers) and self.api.answers()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._exits.close()
            raise
        return self

    def _start(self) -> None:
        self._exits.enter_context(self.redis_server)
        if self.minio:
            self._exits.enter_context(self.minio)
        for proxy in (self.redis_proxy, self.store_proxy):
            self._exits.enter_context(proxy)
        self._exits.enter_context(self.receiver)
        open_store(self.settings()).check()
        for program in (*self.workers, self.scheduler, self.api):
            self._exits.enter_context(program)
        self._supervisor.start()
        self._exits.callback(self._stop_supervisor)
        wait_until(self.is_ready, START_S, POLL_S)

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def _environment(self) -> dict[str, str]:
        env = {
            "ROADMASK_REDIS_URL": f"redis://{self.redis_proxy.address}/0",
            "ROADMASK_STORE": self.store_kind,
            "ROADMASK_DATA_DIR": str(self.folder / "data"),
            "ROADMASK_SECRET": "signs links in tests of faults",
            "ROADMASK_LEASE_S": str(self.limits.lease_s),
            "ROADMASK_ITEM_DEADLINE_S": str(self.limits.deadline_s),
            "ROADMASK_RECONCILE_S": str(self.limits.reconcile_s),
            "ROADMASK_RETENTION_S": str(RETENTION_S),
            "ROADMASK_MAX_BATCH": "4",
            "ROADMASK_WORKER_THREADS": "2",
            "ROADMASK_WEBHOOK_HOSTS": f'["{HOST}"]',
            "ROADMASK_WEBHOOK_SECRET": SECRET,
            ONCE: str(self.folder / "memory-error"),
        }
        if self.minio:
            env |= {
                "ROADMASK_MINIO_ENDPOINT": self.store_proxy.address,
                "ROADMASK_MINIO_PUBLIC_URL": f"http://{self.minio.address}",
                "ROADMASK_MINIO_ACCESS_KEY": ACCESS_KEY,
                "ROADMASK_MINIO_SECRET_KEY": SECRET_KEY,
            }
        return env | self.inferences.environment

    def _correct_clocks(self) -> None:
        """Start the processes again whose clock a fault has set."""
        servers: tuple[Server, ...] = (self.redis_server, self.api, self.scheduler, *self.workers)
        for server in servers:
            if server.clock is not None:
                server.clock = None
                server.restart()

    def _supervise(self) -> None:
        while not self._ending.wait(0.1):
            for program in (*self.workers, self.scheduler):
                if program.has_ended() and program not in self.paused:
                    # It may be killed before it has started; the next turn starts it again.
                    with suppress(AssertionError):
                        program.start()

    def _stop_supervisor(self) -> None:
        self._ending.set()
        self._supervisor.join()
