"""`python -m tests.stores`: run the suites on everything at hand and write docs/stores.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from ml.study.markdown import table
from tests.servers import minio, moto, seaweedfs, versitygw
from tests.stores.redis_kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/stores.md"
RESULTS = ROOT / "build/stores"
STORE_TESTS = ("tests/storage/objects/test_object_store.py", "tests/storage/objects/test_s3.py")
REDIS_TESTS = (
    *("tests/storage/jobs", "tests/storage/reconciler", "tests/storage/webhooks"),
    *("tests/storage/test_queue.py", "tests/storage/test_connections.py"),
    *("tests/storage/test_redis_addresses.py", "tests/storage/settings_check"),
)
SERVICE_TESTS = ("tests/stores/test_whole_service.py",)
STORES = (
    ("local", "a folder"),
    ("minio", f"MinIO {minio.PROGRAM.version}"),
    ("minio/prefix", "the same, with a key prefix in the bucket"),
    ("minio/virtual", "the same, the bucket as a virtual host"),
    ("seaweedfs", f"SeaweedFS {seaweedfs.PROGRAM.version}"),
    ("seaweedfs/prefix", "the same, with a key prefix in the bucket"),
    ("versitygw", f"VersityGW {versitygw.PROGRAM.version}"),
    ("versitygw/prefix", "the same, with a key prefix in the bucket"),
    ("moto", moto.version()),
)
INTRODUCTION = """\
# Stores and Redis

The service was run on the stores and Redis servers below. `make stores` runs the suites and writes
this page. The contract is what the code promises of every store and of its records; the whole
service is an API and a worker that segment a folder twice, with masks fetched by their links.

`ROADMASK_MINIO_PREFIX` puts all keys below a prefix of a bucket that has other objects too.
`ROADMASK_MINIO_ADDRESSING=virtual` names the bucket as a virtual host (`BUCKET.HOST`), which newer
regions of Amazon ask for; by default it does so there, and uses paths elsewhere.
"""


NOTES = """\
Passwords with any characters, own authorities and sockets are part of the records' suite, with
each server. Debian's servers end TLS themselves; those of wheels are built without it, so HAProxy
ends it before them.
"""


@click.command()
@click.option("--only", default="", help="Names of stores and servers, with commas between them.")
def main(only: str) -> None:
    """Run the suites on each store and each Redis, and write the page.

    Results are kept in `build/stores`, so that `--only` replaces those that it names.
    """
    wanted = set(filter(None, only.split(",")))
    for name, _ in STORES:
        if not wanted or name in wanted:
            env = {"TEST_STORES": name}
            _run(name, "contract", STORE_TESTS, env)
            # Processes of their own do not find the name of a virtual host.
            if not name.endswith("virtual"):
                _run(name, "service", SERVICE_TESTS, env)
            _write_page()
    for kind in KINDS:
        if not wanted or kind.name in wanted:
            env = {"TEST_STORES": "local", "PATH": f"{kind.folder()}:{os.environ['PATH']}"}
            if kind.source.startswith("debian"):
                env["TEST_REDIS_TLS"] = "native"
            _run(kind.name, "contract", REDIS_TESTS, env)
            _run(kind.name, "service", SERVICE_TESTS, env)
            _write_page()


def _run(name: str, suite: str, tests: tuple[str, ...], env: dict[str, str]) -> None:
    """Run tests and keep their counts."""
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:randomly", *tests]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | env, text=True, capture_output=True, check=False
    )
    found = re.findall(r"(\d+) (passed|failed|error)", done.stdout)
    counts = {word: int(number) for number, word in found}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    told = f"{counts.get('passed', 0)} passed" + (f", {failed} failed" if failed else "")
    click.echo(f"{name}, {suite}: {told}", err=True)
    if done.returncode:
        click.echo(done.stdout[-3000:] + done.stderr[-1000:], err=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    _file(name, suite).write_text(told)


def _write_page() -> None:
    stores = [
        (f"`{name}`", what, _result(name, "contract"), _result(name, "service"))
        for name, what in STORES
    ]
    servers = [
        (kind.name, kind.source, _result(kind.name, "contract"), _result(kind.name, "service"))
        for kind in KINDS
    ]
    parts = [
        INTRODUCTION,
        "## Object stores\n\n" + table(("store", "what", "contract", "whole service"), stores),
        "## Redis\n\n" + table(("server", "from", "records", "whole service"), servers),
        NOTES,
    ]
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def _result(name: str, suite: str) -> str:
    file = _file(name, suite)
    return file.read_text() if file.exists() else "not run"


def _file(name: str, suite: str) -> Path:
    return RESULTS / f"{name.replace('/', '-').replace(' ', '-')}.{suite}"


if __name__ == "__main__":
    main()
