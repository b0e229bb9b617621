"""Other servers with the same network, each in its own virtual environment."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from roadmask.local.ports import free_port

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
POLL_S = 0.02
"""Pause between two polls of a task: short, so that it costs a peer little."""
DONE, FAILED = {"success", "completed"}, {"failure", "failed", "revoked", "canceled"}
"""States of tasks."""
START_S = 300.0
"""Limit on the time to the first mask: Ray and TensorFlow start slowly."""


def as_json(data: bytes) -> dict[str, Any]:
    """An image as base64 in JSON."""
    return {"json": {"image": base64.b64encode(data).decode()}}


def from_json(answer: httpx.Response) -> bytes:
    """The mask from base64 in JSON."""
    return base64.b64decode(answer.json()["mask"])


@dataclass(frozen=True)
class Tasks:
    """Paths of a server whose tasks are polled; `{id}` stands for that of a task."""

    id: str
    """Member of the answer to the request that has it."""
    status: str
    result: str


@dataclass(frozen=True)
class Peer:
    """How to start a server and send it images; `{port}` stands for a free port."""

    folder: str
    title: str
    keeps: str
    """What outlives the answer."""
    command: Sequence[str]
    path: str = "/segment"
    ask: Callable[[bytes], dict[str, Any]] = as_json
    read: Callable[[httpx.Response], bytes] = from_json
    tasks: Tasks | None = None
    """None for a server that answers with the mask."""
    needs_stores: bool = False
    """Whether it needs Redis and MinIO."""

    def install(self, venvs: Path) -> Path:
        """Create or update the virtual environment. Returns the folder of its programs."""
        venv, uv = venvs / self.folder, ROOT / ".venv" / "bin" / "uv"
        if not venv.exists():
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
        wanted = HERE / self.folder / "requirements.txt"
        # Bytecode, because Ray gives up if its processes take 30 s to import their modules.
        options = ["--quiet", "--compile-bytecode", "--python", str(venv / "bin/python")]
        subprocess.run([uv, "pip", "install", *options, "-r", wanted], check=True)
        return venv / "bin"

    @contextmanager
    def running(
        self, venvs: Path, engine: str, log: Path, probe: bytes, stores: Mapping[str, str]
    ) -> Iterator[str]:
        """Run the server with an engine, after it has segmented `probe`; yields its URL."""
        port = free_port()
        program, *arguments = (word.format(port=port) for word in self.command)
        bin_folder = self.install(venvs)
        env = os.environ | {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ROADMASK_ENGINE": engine,
            "DO_NOT_TRACK": "1",
            "BENTOML_DO_NOT_TRACK": "True",
            "RAY_USAGE_STATS_ENABLED": "0",
            **stores,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [bin_folder / program, *arguments],
                env=env,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            self._wait(process, url, log, probe)
            yield url
        finally:
            with suppress(ProcessLookupError):  # it may have ended
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def mask(self, client: httpx.Client, url: str, data: bytes) -> bytes:
        """The mask as a PNG. Raises `httpx.HTTPError`.

        A server error is retried once, as a client would: BentoML closes its internal connections
        after a few idle seconds.
        """
        answer = self._answer(client, url, data)
        if answer.is_server_error:
            answer = self._answer(client, url, data)
        return self.read(answer.raise_for_status())

    def _answer(self, client: httpx.Client, url: str, data: bytes) -> httpx.Response:
        answer = client.post(url + self.path, **self.ask(data))
        if self.tasks is None or answer.is_error:
            return answer
        return self._result(client, url, self.tasks, answer.json()[self.tasks.id])

    def _result(self, client: httpx.Client, url: str, tasks: Tasks, task: str) -> httpx.Response:
        while True:
            answer = client.get(url + tasks.status.format(id=task)).raise_for_status()
            status = answer.json()["status"]
            if status in DONE | FAILED:
                return client.get(url + tasks.result.format(id=task))
            time.sleep(POLL_S)

    def _wait(self, process: subprocess.Popen[bytes], url: str, log: Path, probe: bytes) -> None:
        end = time.monotonic() + START_S
        with httpx.Client(timeout=START_S) as client:
            while True:
                try:
                    self.mask(client, url, probe)
                    return
                except httpx.HTTPError as error:
                    if process.poll() is not None or time.monotonic() > end:
                        tail = log.read_text(errors="replace")[-3000:]
                        raise RuntimeError(f"{self.title}: {error}\n{tail}") from error
                time.sleep(0.5)


def plain(answer: httpx.Response) -> bytes:
    """The mask from the body."""
    return answer.content


NOTHING = "nothing"

PEERS = (
    Peer(
        "flask",
        "Flask + gunicorn",
        NOTHING,
        [
            *("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", str(os.cpu_count())),
            *("--threads", "4", "--timeout", "300", "benchmarks.peers.flask.app:app"),
        ],
        path="/rest/",
    ),
    Peer(
        "bento",
        "BentoML, adaptive batching",
        NOTHING,
        ["bentoml", "serve", "--port", "{port}", "benchmarks.peers.bento.app:Segment"],
    ),
    Peer(
        "rayserve",
        "Ray Serve, dynamic batching",
        NOTHING,
        ["python", "-m", "benchmarks.peers.rayserve.app", "{port}"],
        ask=lambda data: {"content": data},
        read=plain,
    ),
    Peer(
        "lit",
        "LitServe, batching",
        NOTHING,
        ["python", "-m", "benchmarks.peers.lit.app", "{port}"],
    ),
    Peer(
        "bentotasks",
        "BentoML, tasks",
        "results in memory, lost with the process",
        ["bentoml", "serve", "--port", "{port}", "benchmarks.peers.bentotasks.app:SegmentTasks"],
        path="/segment/submit",
        tasks=Tasks("task_id", "/segment/status?task_id={id}", "/segment/get?task_id={id}"),
    ),
    Peer(
        "raytasks",
        "Ray Serve, asynchronous inference",
        "image, mask; status in Redis for a day",
        ["python", "-m", "benchmarks.peers.raytasks.app", "{port}"],
        ask=lambda data: {"content": data},
        read=plain,
        tasks=Tasks("id", "/segment/{id}", "/segment/{id}/mask"),
        needs_stores=True,
    ),
    Peer(
        "tutorial",
        "FastAPI + Celery + Redis + MinIO",
        "image, mask; status in Redis for a day",
        ["python", "-m", "benchmarks.peers.tutorial.app", "{port}"],
        ask=lambda data: {"content": data},
        read=plain,
        tasks=Tasks("id", "/segment/{id}", "/segment/{id}/mask"),
        needs_stores=True,
    ),
)
