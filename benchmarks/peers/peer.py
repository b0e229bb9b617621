"""Peer: another server with the same network inside, in a virtual environment of its own."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from roadmask.ports import free_port

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
START_S = 300.0
"""Longest time until the first mask: Ray and TensorFlow take theirs to start."""


def as_json(data: bytes) -> dict[str, Any]:
    """An image as base64 in JSON."""
    return {"json": {"image": base64.b64encode(data).decode()}}


def from_json(answer: httpx.Response) -> bytes:
    """The mask out of such JSON."""
    return base64.b64decode(answer.json()["mask"])


@dataclass(frozen=True)
class Peer:
    """How it is started and asked; `{port}` stands for a free port."""

    folder: str
    title: str
    command: Sequence[str]
    path: str = "/segment"
    ask: Callable[[bytes], dict[str, Any]] = as_json
    read: Callable[[httpx.Response], bytes] = from_json

    def install(self, venvs: Path) -> Path:
        """Its virtual environment, made when it is not there; the folder of its programs."""
        venv, uv = venvs / self.folder, ROOT / ".venv" / "bin" / "uv"
        if not venv.exists():
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
        wanted = HERE / self.folder / "requirements.txt"
        # Ray gives up when its own processes take half a minute to import what they need.
        options = ["--quiet", "--compile-bytecode", "--python", str(venv / "bin/python")]
        subprocess.run([uv, "pip", "install", *options, "-r", wanted], check=True)
        return venv / "bin"

    @contextmanager
    def running(self, venvs: Path, engine: str, log: Path, probe: bytes) -> Iterator[str]:
        """Its URL, while it runs with that engine inside; it has answered for `probe` before."""
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
        }
        with log.open("wb") as told:
            process = subprocess.Popen(
                [bin_folder / program, *arguments],
                env=env,
                cwd=ROOT,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            self._wait(process, url, log, probe)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def mask(self, client: httpx.Client, url: str, data: bytes) -> bytes:
        """The mask's PNG. Raises `httpx.HTTPError`.

        Who gets a server's error asks once more, as a client would: BentoML's own connections have
        been closed when it had nothing to do for a few seconds.
        """
        answer = client.post(url + self.path, **self.ask(data))
        if answer.is_server_error:
            answer = client.post(url + self.path, **self.ask(data))
        return self.read(answer.raise_for_status())

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
    """The body is the mask."""
    return answer.content


PEERS = (
    Peer(
        "flask",
        "Flask + gunicorn",
        [
            *("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", str(os.cpu_count())),
            *("--threads", "4", "--timeout", "300", "benchmarks.peers.flask.app:app"),
        ],
        path="/rest/",
    ),
    Peer(
        "bento",
        "BentoML, adaptive batching",
        ["bentoml", "serve", "--port", "{port}", "benchmarks.peers.bento.app:Segment"],
    ),
    Peer(
        "rayserve",
        "Ray Serve, dynamic batching",
        ["python", "-m", "benchmarks.peers.rayserve.app", "{port}"],
        ask=lambda data: {"content": data},
        read=plain,
    ),
    Peer("lit", "LitServe, batching", ["python", "-m", "benchmarks.peers.lit.app", "{port}"]),
)
