"""`make schemathesis`: all phases of Schemathesis, with a key of each scope.

A service runs with a worker, and another key has images, a dataset and jobs in it. The run fails on
a server error, an answer that is not documented or not of its schema, and one that holds what
belongs to the other key.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from roadmask.settings import Settings
from storage.access.api_key import Scope
from storage.backends import StorageBackends
from tests.api.schemathesis.checks import MARK
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put
from tests.servers.redis import RedisServer
from tests.servers.service import Api
from tests.servers.worker import TinyWorker

SCOPES = {
    "read": (Scope.READ,),
    "submit": (Scope.SUBMIT,),
    "submit,read": (Scope.SUBMIT, Scope.READ),
    "admin": (Scope.ADMIN,),
}
CHECKS = (
    "no_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "use_after_free",
)
"""`ignored_auth` sends a wrong `Authorization` beside the right `X-API-Key`, which opens; whether
each operation asks for a key is tested in `tests/api/auth`."""
ROOT = Path(__file__).parents[3]


@contextmanager
def service(folder: Path) -> Iterator[tuple[Api, StorageBackends]]:
    """An API and a worker."""
    with RedisServer(folder / "redis") as redis:
        settings = Settings(redis_url=redis.url, data_dir=folder / "data")
        env = {
            "ROADMASK_REDIS_URL": redis.url,
            "ROADMASK_DATA_DIR": str(settings.data_dir),
            "ROADMASK_SECRET": "signs links in tests",
            "ROADMASK_MAX_SUBMISSIONS_PER_S": "0",
        }
        with Api(folder / "api", env) as api, TinyWorker(folder / "worker", settings):
            yield api, StorageBackends.open(settings)


def occupy(url: str, key: str) -> None:
    """Let the owner have something of each kind, all with the mark in its name."""
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as client:
        put(client, picture())
        entry = {"name": f"{MARK}/one", "sha256": digest(picture())}
        answer = client.post(f"/v1/datasets/{MARK}/images", json=[entry])
        assert answer.status_code == 201, answer.text
        for _ in range(3):
            submit(client, [f"{MARK}/{MARK}/one"], name=MARK)


def run(url: str, key: str, scope: str, examples: int, seed: int, phases: str) -> int:
    """All phases with one key; the exit code of Schemathesis."""
    marked = "" if scope == "admin" else ",nothing_of_another_key"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--header", f"X-API-Key: {key}", "--phases", phases),
        *("--checks", ",".join(CHECKS) + marked, "--continue-on-failure"),
        *("--max-examples", str(examples), "--seed", str(seed), "--request-timeout", "60"),
        *("--suppress-health-check", "all", "--warnings", "off"),
    ]
    env = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.api.schemathesis.checks",
        "PYTHONPATH": str(ROOT),
    }
    click.echo(f"== a key with {scope}")
    return subprocess.run(command, env=env, cwd=ROOT, check=False).returncode


@click.command()
@click.option("--examples", default=40, show_default=True, help="Of each operation and phase.")
@click.option("--seed", default=1, show_default=True)
@click.option("--phases", default="examples,coverage,fuzzing,stateful", show_default=True)
@click.option("--scope", "scopes", multiple=True, type=click.Choice([*SCOPES]))
def main(examples: int, seed: int, phases: str, scopes: tuple[str, ...]) -> None:
    """Run Schemathesis on a service of its own; the exit code is 1 if it finds something."""
    with tempfile.TemporaryDirectory(prefix="roadmask-schemathesis-") as folder:
        with service(Path(folder)) as (api, storage):
            _, owner = storage.api_keys.create("owner", (Scope.SUBMIT, Scope.READ))
            occupy(api.url, owner)
            codes = []
            for scope in scopes or SCOPES:
                _, key = storage.api_keys.create(f"tester-{scope}", SCOPES[scope])
                codes.append(run(api.url, key, scope, examples, seed, phases))
            log = api.log.read_text()
        traces = log.count("Traceback")
        click.echo(f"exit codes {codes}, tracebacks in the log of the API: {traces}")
    sys.exit(1 if any(codes) or traces else 0)


if __name__ == "__main__":
    main()
