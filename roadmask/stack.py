"""The whole service on one machine: Redis, API and workers as processes of their own."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from roadmask.child import Child
from roadmask.client import Client
from roadmask.embedded_redis import answers, find_redis, write_config
from roadmask.errors import RoadmaskError, Unavailable
from roadmask.folder_lock import FolderLock
from roadmask.ports import check_free, free_port

WATCH_S = 0.2
START_CRASHES = 3
"""A process that dies so often before it was ever ready will not come up by itself."""
GRACE_S = {"worker": 60.0, "api": 15.0, "redis": 15.0}
"""Seconds to end after SIGTERM, by the first part of a process's name."""
ORPHANS_S = 30.0
"""How long to wait for the processes of a stack that was killed, seconds."""


class Stack:
    """A running service with all its data in `data_dir`; started and stopped by `with`.

    `port` 0 takes a free one. `public_url` is where clients reach it behind a proxy or a forwarded
    port; by default they are on this machine. `say` is told news in words: what is ready, what
    died. Raises `Conflict` when a stack runs on that folder already, `Unavailable` when the port
    is taken or a process does not come up.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 8000,
        workers: int = 1,
        public_url: str | None = None,
        start_timeout: float = 180.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir: Path = data_dir.resolve()
        self.api_key: str | None = None
        self._port = port
        self._workers = workers
        self._public_url = public_url
        self._start_timeout = start_timeout
        self._say = say
        self._children: list[Child] = []
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stack", daemon=True)
        self._exits = ExitStack()

    @property
    def url(self) -> str:
        """Base URL of the API and its page."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pids(self) -> dict[str, int | None]:
        """The process ids by name: `redis`, `api`, `worker-1`…; None while one is down."""
        return {child.name: child.pid for child in self._children}

    def client(self, *, timeout: float = 30.0, patience: float = 60.0) -> Client:
        """A client of this stack."""
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
        """Stay until Ctrl-C."""
        self._stopping.wait()

    def stop(self) -> None:
        """End all in order, the workers first, each with what it has in hand done.

        A second Ctrl-C meanwhile ends what is left at once."""
        self._stopping.set()
        try:
            for kind in ("worker", "api", "redis"):
                group = [child for child in self._children if child.name.startswith(kind)]
                for child in group:
                    child.terminate()
                for child in group:
                    child.wait(GRACE_S[kind])
        except KeyboardInterrupt:
            self._say("stopping at once")
            for child in self._children:
                child.kill()
                child.wait(None)
        finally:
            self._stopped.set()
            if self._watcher.is_alive():
                self._watcher.join()
            self._exits.close()

    def _start(self) -> None:
        lock = FolderLock(self.data_dir, "up.lock", "`roadmask up`", ORPHANS_S)
        self._exits.enter_context(lock)
        self._port = self._port or free_port()
        check_free(self._port)
        redis_port, password = free_port(), secrets.token_hex(16)
        config = write_config(self.data_dir / "redis", redis_port, password)
        env = self._environment(f"redis://:{password}@127.0.0.1:{redis_port}/0")

        def child(name: str, *command: str) -> Child:
            made = Child(name, command, self._log(name), env, lock.fileno())
            self._children.append(made)
            return made

        child("redis", str(find_redis()), str(config)).start()
        self._until(lambda: answers(redis_port, password), "redis")
        roadmask = (sys.executable, "-m", "roadmask.cli")
        child("api", *roadmask, "api", "--host", "127.0.0.1", "--port", str(self._port)).start()
        for number in range(1, self._workers + 1):
            child(f"worker-{number}", *roadmask, "worker").start()
        self._watcher.start()
        with self.client(patience=0, timeout=5) as client:
            self._until(lambda: _is_ready(client), "api")
            self._until(lambda: self._workers_show(client), "worker")

    def _workers_show(self, client: Client) -> bool:
        """Whether each of our workers is known to the service, which may list dead ones still."""
        try:
            known = {worker["pid"] for worker in client.get("/v1/service")["workers"]}
        except RoadmaskError:
            return False
        ours = {pid for name, pid in self.pids.items() if name.startswith("worker")}
        return ours <= known

    def _log(self, name: str) -> Path:
        folder = self.data_dir / "logs"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.log"

    def _environment(self, redis_url: str) -> dict[str, str]:
        """The environment of the children: ours, with what an embedded service needs."""
        env = os.environ | {
            "ROADMASK_REDIS_URL": redis_url,
            "ROADMASK_STORE": "local",
            "ROADMASK_DATA_DIR": str(self.data_dir),
            "ROADMASK_PUBLIC_URL": self._public_url or self.url,
            "ROADMASK_SECRET": keep_secret(self.data_dir / "secret"),
            "PYTHONUNBUFFERED": "1",
        }
        return env | self._own_key(env)

    def _own_key(self, env: Mapping[str, str]) -> dict[str, str]:
        """Where keys are asked for, one of our own is added to those of the environment."""
        hashes = json.loads(env.get("ROADMASK_API_KEY_HASHES") or "[]")
        if not hashes:
            return {}
        self.api_key = secrets.token_urlsafe(32)
        hashes.append(hashlib.sha256(self.api_key.encode()).hexdigest())
        return {"ROADMASK_API_KEY_HASHES": json.dumps(hashes)}

    def _until(self, ready: Callable[[], bool], kind: str) -> None:
        """Wait for a kind of process. Raises `Unavailable` with the end of its log."""
        deadline = time.monotonic() + self._start_timeout
        group = [child for child in self._children if child.name.startswith(kind)]
        while not ready():
            lost = next((child for child in group if child.crashes >= START_CRASHES), None)
            early = next((c for c in group if c.pid is None and not self._watcher.is_alive()), None)
            late = group[0] if time.monotonic() > deadline else None
            if failed := lost or early or late:
                raise Unavailable(f"{failed.name} does not start. Its log ends:\n{failed.tail()}")
            time.sleep(WATCH_S)
        self._say(f"{kind} is ready")

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_S):
            for child in self._children:
                if news := child.watch():
                    self._say(news)
        # Children that this thread started would get their parent's-death signal with its end.
        self._stopped.wait()


def keep_secret(path: Path) -> str:
    """The secret in a file that only its owner may read, made when there is none."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text().strip()


def _is_ready(client: Client) -> bool:
    try:
        client.get("/readyz")
    except RoadmaskError:
        return False
    return True
