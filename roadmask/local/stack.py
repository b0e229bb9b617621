"""The whole service on one machine: Redis, API and workers as processes."""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from roadmask.atomic import write_atomically, write_privately
from roadmask.client.client import Client
from roadmask.errors import RoadmaskError, Unauthorized, Unavailable
from roadmask.folder.lock import FolderLock
from roadmask.hashing import sha256_of
from roadmask.local.ports import check_free, free_port, reachable
from roadmask.local.process import ManagedProcess
from roadmask.local.redis import answers, find_redis, write_config
from roadmask.local.server_package import check_server_installed
from roadmask.python_command import python_command

LOCALHOST = "127.0.0.1"
POLL_S = 0.2
MAX_START_CRASHES = 3
"""Crashes of a process before it was ready, after which the start fails."""
GRACE_S = {"worker": 60.0, "scheduler": 20.0, "api": 15.0, "redis": 15.0}
"""Seconds between SIGTERM and SIGKILL, by the first part of a process's name."""
ORPHANS_S = 30.0
"""Longest wait for the processes of a stack that was killed, seconds."""


class Stack:
    """A context in which the service runs, with all its data in `data_dir`.

    `port` 0 chooses a free one; `host` is the address that it listens on. `public_url` is the URL
    for clients behind a proxy or a forwarded port; by default clients are on this machine. With
    `store` "minio" objects lie on the S3 server of the settings, and `data_dir` has Redis and
    copies of models. Without `scheduler` the workers have its duties. With `logs_to_stderr`,
    as in a container, all processes write to standard error; without it each has a log file. `log`
    gets a message when a process is ready or dies.

    Entering raises `Conflict` when a stack runs on that folder already, and `Unavailable` when the
    port is taken or a process does not start.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = LOCALHOST,
        port: int = 8000,
        workers: int = 1,
        scheduler: bool = True,
        store: str = "local",
        public_url: str | None = None,
        logs_to_stderr: bool = False,
        start_timeout: float = 180.0,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir: Path = data_dir.resolve()
        self.api_key: str | None = None
        self._host = host
        self._port = port
        self._workers = workers
        self._scheduler = scheduler
        self._store = store
        self._logs_to_stderr = logs_to_stderr
        self._public_url = public_url
        self._start_timeout = start_timeout
        self._log = log
        self._processes: list[ManagedProcess] = []
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stack", daemon=True)
        self._exits = ExitStack()

    @property
    def url(self) -> str:
        """The URL of the API and its page, on this machine."""
        return f"http://{reachable(self._host)}:{self._port}"

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids by name: `redis`, `api`, `worker-1`…; None for one that does not run."""
        return {process.name: process.pid for process in self._processes}

    def client(self, *, timeout: float = 30.0, patience: float = 60.0) -> Client:
        return Client(self.url, self.api_key, timeout=timeout, patience=patience)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def join(self) -> None:
        """Wait until Ctrl-C."""
        self._stopping.wait()

    def stop(self) -> None:
        """Stop all processes, the workers first, after each has finished its work in progress.

        Ctrl-C meanwhile kills the processes that still run.
        """
        self._stopping.set()
        try:
            for kind in GRACE_S:
                group = [process for process in self._processes if process.name.startswith(kind)]
                for process in group:
                    process.terminate()
                for process in group:
                    process.wait(GRACE_S[kind])
        except KeyboardInterrupt:
            self._log("stopping at once")
            for process in self._processes:
                process.kill()
                process.wait(None)
        finally:
            self._stopped.set()
            if self._watcher.is_alive():
                self._watcher.join()
            self._exits.close()

    def _start(self) -> None:
        check_server_installed()
        if sys.platform == "win32":
            raise Unavailable(
                "The service does not run on Windows itself: start it in WSL or Docker, or name "
                "the URL of one that runs elsewhere."
            )
        lock = FolderLock(self.data_dir, "up.lock", "`roadmask up`", ORPHANS_S)
        self._exits.enter_context(lock)
        self._port = self._port or free_port()
        check_free(self._port, self._host)
        redis_port, password = free_port(), secrets.token_hex(16)
        make_private(self.data_dir / "objects")
        config = write_config(self.data_dir / "redis", redis_port, password)
        env = self._environment(f"redis://:{password}@127.0.0.1:{redis_port}/0")

        def start(name: str, command: Sequence[str], **more_env: str) -> None:
            log, own_env = self._log_file(name), env | more_env
            process = ManagedProcess(name, command, log, own_env, lock.fileno())
            self._processes.append(process)
            process.start()

        start("redis", [str(find_redis()), str(config)])
        self._until(lambda: answers(redis_port, password), "redis")
        address = ("--host", self._host, "--port", self._port)
        start("api", python_command("roadmask.cli", "api", *address))
        # The scheduler starts before the workers, because its duties need no loaded model.
        metrics = {"api": self._port}
        if self._scheduler:
            metrics["scheduler"] = free_port()
            scheduler = python_command("roadmask.cli", "scheduler")
            start("scheduler", scheduler, ROADMASK_METRICS_PORT=str(metrics["scheduler"]))
        for number in range(1, self._workers + 1):
            name = f"worker-{number}"
            metrics[name] = free_port()
            command = python_command("roadmask.cli", "worker")
            start(name, command, ROADMASK_METRICS_PORT=str(metrics[name]))
        self._list_metrics(metrics)
        self._watcher.start()
        with self.client(patience=0, timeout=5) as client:
            # `/healthz`, not `/readyz`: the service is ready only when its workers are.
            self._until(lambda: _is_alive(client), "api")
            self._until(lambda: self._workers_registered(client), "worker")

    def _workers_registered(self, client: Client) -> bool:
        """Whether each of our workers consumes its lanes; the service may still list dead ones."""
        try:
            workers = client.service().workers
        except Unauthorized:
            # The service had no API keys at its start, and an operator has created the first one.
            return True
        except RoadmaskError:
            return False
        ours = {pid for name, pid in self.pids.items() if name.startswith("worker")}
        return ours <= {
            worker.pid for worker in workers if set(worker.lanes) <= set(worker.consuming or ())
        }

    def _list_metrics(self, ports: Mapping[str, int]) -> None:
        """Write the addresses of all metrics in the form of Prometheus' `file_sd_configs`."""
        targets = [
            {
                "targets": [f"{reachable(self._host) if name == 'api' else LOCALHOST}:{port}"],
                "labels": {"process": name},
            }
            for name, port in ports.items()
        ]
        write_atomically(self.data_dir / "metrics.json", [json.dumps(targets, indent=2).encode()])

    def _log_file(self, name: str) -> Path | None:
        if self._logs_to_stderr:
            return None
        folder = self.data_dir / "logs"
        make_private(folder)
        return folder / f"{name}.log"

    def _environment(self, redis_url: str) -> dict[str, str]:
        """The environment of the processes: our own, with the settings of a local service.

        A wrong setting raises here, before a process starts.
        """
        from roadmask.settings import Settings

        own: dict[str, Any] = {
            "redis_url": redis_url,
            "store": self._store,
            "data_dir": str(self.data_dir),
            "public_url": self._public_url or self.url,
            "secret": read_secret(self.data_dir / "secret"),
        }
        settings = Settings(**own)
        variables = {f"ROADMASK_{name.upper()}": str(value) for name, value in own.items()}
        env = os.environ | variables | {"PYTHONUNBUFFERED": "1"}
        return env | self._own_key(settings.api_key_hashes)

    def _own_key(self, hashes: Sequence[str]) -> dict[str, str]:
        """If the service requires API keys, a key of our own is added to them."""
        if not hashes and not any((self.data_dir / "objects/keys").glob("*.json")):
            return {}
        self.api_key = secrets.token_urlsafe(32)
        return {"ROADMASK_API_KEY_HASHES": json.dumps([*hashes, sha256_of(self.api_key.encode())])}

    def _until(self, ready: Callable[[], bool], kind: str) -> None:
        """Wait for the processes of a kind. Raises `Unavailable` with the end of a log."""
        deadline = time.monotonic() + self._start_timeout
        group = [process for process in self._processes if process.name.startswith(kind)]
        while not ready():
            if failed := next(filter(self._start_failed, group), None):
                raise self._not_started(failed)
            if time.monotonic() > deadline:
                raise self._not_started(group[0])
            time.sleep(POLL_S)
        self._log(f"{kind} is ready")

    def _start_failed(self, process: ManagedProcess) -> bool:
        # Before the watcher runs, nothing restarts a process that died.
        dead = process.pid is None and not self._watcher.is_alive()
        return dead or process.crashes >= MAX_START_CRASHES

    def _not_started(self, process: ManagedProcess) -> Unavailable:
        return Unavailable(f"{process.name} does not start. Its log ends:\n{process.tail()}")

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            for process in self._processes:
                if message := process.restart_if_dead():
                    # A terminal that is closed must not end this thread: nothing would restart
                    # what dies from then on.
                    with suppress(Exception):
                        self._log(message)
        # Linux sends the parent's-death signal when the thread that started a process ends.
        self._stopped.wait()


def make_private(folder: Path) -> None:
    """Make a folder that its owner alone may enter; also one of an earlier version."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def read_secret(path: Path) -> str:
    """The secret in a file that only its owner may read.

    A file that is missing, or is damaged as a full disk or a power cut leaves it, is made anew. The
    caller holds the lock of the folder.
    """
    with suppress(FileNotFoundError, UnicodeDecodeError):
        found = path.read_text(encoding="utf-8").strip()
        if found and found.isprintable():
            return found
    made = secrets.token_hex(32)
    write_privately(path, made)
    return made


def _is_alive(client: Client) -> bool:
    try:
        client.get("/healthz")
    except RoadmaskError:
        return False
    return True
