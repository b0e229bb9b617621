"""Checks of this machine and of a service; a failed one says what to do."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path

import httpx

from roadmask.client.answers import raise_item_error
from roadmask.client.client import Client
from roadmask.client.transport import LOOPBACK
from roadmask.errors import RoadmaskError, ServiceUnreachable
from roadmask.local.finding import CheckFailed, Finding, find
from roadmask.local.redis import find_redis
from roadmask.local.server_package import INSTALL, check_server_installed
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import Item, Job, Lane

MAX_SKEW_S = 60.0
"""S3 refuses signed links when the clocks differ by more than 15 minutes."""
MIN_FREE_BYTES = 2**30
TOTAL_S = 60.0
"""Longest time for all checks together, seconds."""
CALL_TIMEOUT_S = 10.0
"""Longest silence in one call of the service, seconds."""
JOB_TIMEOUT_S = 40.0
"""For one small image, seconds."""


def check_machine(data_dir: Path, deadline: float) -> Iterator[Finding]:
    """Whether this machine can run the service. `deadline` is a time of `time.monotonic`."""
    yield _find("Python", _python, deadline)
    yield _find("packages", _packages, deadline)
    yield _find("Redis program", _redis, deadline)
    yield _find("data folder", lambda: _folder(data_dir), deadline)


def check_service(client: Client, deadline: float) -> Iterator[Finding]:
    """Whether the service answers and turns an image into a mask.

    Stops at the first failure that makes the other checks pointless. All checks are over at
    `deadline`, a time of `time.monotonic`.
    """
    api = _find("API", lambda: _api(client), deadline)
    yield api
    if not api.ok:
        return
    readiness = [*_find_readiness(client, deadline)]
    yield from readiness
    if not all(finding.ok for finding in readiness):
        return
    yield _find("models", lambda: _models(client), deadline)
    items: list[Item] = []
    yield _find("one image", lambda: _one_image(client, items), deadline)
    if items:
        yield _find("mask link", lambda: _link(items[0]), deadline)


def _find_readiness(client: Client, deadline: float) -> Iterator[Finding]:
    """A finding for each check of `/readyz`."""
    checks: dict[str, str] = {}
    ready = _find("ready", lambda: _ready(client, checks), deadline)
    if not checks:
        yield ready
    for name, outcome in checks.items():
        yield Finding(name, outcome == "ok", outcome)


def _find(name: str, check: Callable[[], str], deadline: float) -> Finding:
    """The finding of a check. A check that is not over at the deadline goes on in its thread."""
    found: list[Finding] = []
    begun = time.monotonic()

    def run() -> None:
        try:
            found.append(find(name, check))
        except Exception as error:
            # Anything may answer under the URL of the service.
            found.append(Finding(name, False, f"Unexpected: {type(error).__name__}: {error}"))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - begun))
    if found:
        return found[0]
    seconds = time.monotonic() - begun
    return Finding(name, False, f"The check has not ended after {seconds:.0f} s.")


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _packages() -> str:
    check_server_installed()
    parts = {"API": "fastapi", "worker": "openvino"}
    missing = [part for part, package in parts.items() if find_spec(package) is None]
    if missing:
        raise CheckFailed(f"Packages of the {' and the '.join(missing)} are missing. {INSTALL}")
    return "those of the API and the worker are installed"


def _redis() -> str:
    program = find_redis()
    command = [str(program), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    version = next((word for word in done.stdout.split() if word.startswith("v=")), "")
    return f"{version.removeprefix('v=')} at {program}"


def _folder(data_dir: Path) -> str:
    existing = next(path for path in (data_dir, *data_dir.resolve().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CheckFailed(
            f"{existing} cannot be written ({error.strerror}). Choose another with --data-dir."
        ) from error
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        raise CheckFailed(f"Only {free / 2**20:.0f} MiB are free at {existing}. Free some space.")
    return f"{data_dir.resolve()} can be written, {free / 2**30:.0f} GiB free"


def _api(client: Client) -> str:
    client.get("/healthz")
    return f"answers at {client.base_url}"


def _ready(client: Client, checks: dict[str, str]) -> str:
    """Fill `checks` with the outcome of each check, which an older service does not tell."""
    try:
        answer = client.get("/readyz")
    except RoadmaskError as error:
        checks.update(error.extra.get("checks", {}))
        raise
    checks.update(answer.get("checks", {}))
    return "Redis and the object store answer"


def _models(client: Client) -> str:
    service = client.service()
    # An older service is ready without a worker.
    if not service.workers:
        raise CheckFailed("No worker runs: jobs wait. Start one with `roadmask worker`.")
    return f"{len(service.workers)} workers serve {', '.join(service.models) or 'no model'}"


def _one_image(client: Client, items: list[Item]) -> str:
    started = datetime.now(UTC)
    job = client.submit(files=[_noise_image()], name="doctor", lane=Lane.INTERACTIVE)
    try:
        ended = client.wait(job, JOB_TIMEOUT_S)
    except TimeoutError as error:
        raise CheckFailed(f"{error} {_cancel_and_explain(client, job)}") from error
    item = client.item(ended, 0)
    raise_item_error(item)
    items.append(item)
    seconds = (datetime.now(UTC) - started).total_seconds()
    return f"segmented in {seconds:.1f} s"


def _cancel_and_explain(client: Client, job: Job) -> str:
    """Cancel a job that did not end in time; return the probable cause."""
    client.cancel(job)
    # The checks before the job passed. If one fails now, it is the cause, and raises its error.
    _ready(client, {})
    lane = client.service().lanes[Lane.INTERACTIVE]
    return (
        f"Its lane has {lane.images} images and ends {lane.images_per_second:g} a second. "
        "Start more workers, or see the worker's log."
    )


def _link(item: Item) -> str:
    """Fetch the mask as a client does, and compare the clock of its server with ours."""
    assert item.result is not None
    assert item.result.mask_url is not None
    server = item.result.mask_url.partition("?")[0].rpartition("/v1/")[0] or item.result.mask_url
    with httpx.Client(timeout=CALL_TIMEOUT_S, mounts=LOOPBACK) as http:
        response = http.get(item.result.mask_url)
    if response.status_code == httpx.codes.FORBIDDEN:
        raise CheckFailed(
            f"{server} refuses the signed link. Check the public URL of the service, and the "
            f"clocks: {_skew(response)}."
        )
    response.raise_for_status()
    mask = decode_mask(response.content)
    if mask.shape != (item.result.height, item.result.width):
        raise CheckFailed(f"The mask has the shape {mask.shape}, not its image's. Report this bug.")
    return f"mask fetched from {server}; {_skew(response)}"


def _skew(response: httpx.Response) -> str:
    date = response.headers.get("Date")
    if date is None:
        return "its clock is unknown"
    skew = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    if response.is_success and abs(skew) > MAX_SKEW_S:
        raise CheckFailed(
            f"Its clock is {skew:+.0f} s from ours: set both by NTP, or signed links fail."
        )
    return f"its clock is {skew:+.0f} s from ours"


def _noise_image() -> bytes:
    """A small image of noise, new to the service: its mask is not cached."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", (64, 48), os.urandom(64 * 48 * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def is_running(client: Client) -> bool:
    """Whether a server listens at the client's URL, even one that never answers.

    Takes `CALL_TIMEOUT_S` at most, even if the answer arrives a byte at a time.
    """
    absent = threading.Event()

    def call() -> str:
        try:
            client.get("/healthz")
        except ServiceUnreachable as error:
            if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                absent.set()
        return ""

    _find("API", call, time.monotonic() + CALL_TIMEOUT_S)
    return not absent.is_set()
