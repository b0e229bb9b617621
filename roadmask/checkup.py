"""A check-up: each part that must work, whether it does, and what to do when it does not."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from roadmask.calls import raise_failure
from roadmask.client import Client
from roadmask.embedded_redis import find_redis
from roadmask.errors import RoadmaskError, ServiceUnreachable
from roadmask.jobs import Item, Lane
from roadmask.masks import decode_mask

LARGEST_SKEW_S = 60.0
"""Signed links are refused when clocks differ by more than their margin; S3's is 15 minutes."""
LEAST_FREE_BYTES = 2**30
JOB_S = 120.0
"""How long one small image may take, seconds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    why: str
    """What was found; for a failure also what to do."""


def check_machine(data_dir: Path) -> Iterator[Finding]:
    """What a service of our own needs on this machine."""
    yield _find("Python", _python)
    yield _find("packages", _packages)
    yield _find("Redis program", _redis)
    yield _find("data folder", lambda: _folder(data_dir))


def check_service(client: Client) -> Iterator[Finding]:
    """Whether the service answers, has what it needs, and turns an image into a mask.

    Ends with the first finding that makes the others pointless.
    """
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("API", lambda: _api(client)),
        ("records and store", lambda: _ready(client)),
        ("workers", lambda: _workers(client)),
    )
    for what, step in steps:
        finding = _find(what, step)
        yield finding
        if not finding.ok:
            return
    made: list[Item] = []
    yield _find("one image", lambda: _one_image(client, made))
    if made:
        yield _find("mask link", lambda: _link(made[0]))


class Broken(Exception):
    """A check failed; the text says what to do."""


def _find(what: str, step: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, step())
    except RoadmaskError as error:
        return Finding(what, False, f"{error.title}. {error.detail}")
    except (Broken, OSError, httpx.HTTPError, TimeoutError) as error:
        return Finding(what, False, str(error) or type(error).__name__)


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _packages() -> str:
    rooms = {"api": "fastapi", "storage": "celery", "worker": "tensorflow"}
    missing = [room for room, package in rooms.items() if find_spec(package) is None]
    if missing:
        raise Broken(f"Not installed: {', '.join(missing)}. Run `pip install '.[all]'` in a clone.")
    return "those of API, storage and worker are installed"


def _redis() -> str:
    program = find_redis()
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = next((word for word in told.stdout.split() if word.startswith("v=")), "")
    return f"{version.removeprefix('v=')} at {program}"


def _folder(data_dir: Path) -> str:
    existing = next(path for path in (data_dir, *data_dir.resolve().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise Broken(
            f"{existing} cannot be written ({error.strerror}). Choose another with --data-dir."
        ) from error
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        raise Broken(f"Only {free / 2**20:.0f} MiB are free at {existing}. Make room.")
    return f"{data_dir.resolve()} can be written, {free / 2**30:.0f} GiB free"


def _api(client: Client) -> str:
    client.get("/healthz")
    return f"answers at {client.base_url}"


def _ready(client: Client) -> str:
    client.get("/readyz")
    return "Redis and the object store answer"


def _workers(client: Client) -> str:
    service: dict[str, Any] = client.get("/v1/service")
    workers = service["workers"]
    if not workers:
        raise Broken("No worker is alive: jobs wait. Start one with `roadmask worker`.")
    return f"{len(workers)} alive, serving {', '.join(service['models']) or 'no model'}"


def _one_image(client: Client, made: list[Item]) -> str:
    started = datetime.now(UTC)
    job = client.submit(files=[_picture()], name="doctor", lane=Lane.INTERACTIVE)
    item = client.item(client.wait(job, JOB_S), 0)
    raise_failure(item)
    made.append(item)
    seconds = (datetime.now(UTC) - started).total_seconds()
    return f"segmented in {seconds:.1f} s"


def _link(item: Item) -> str:
    """Fetch the mask as a client would, and compare the clock of who served it with ours."""
    assert item.result is not None
    assert item.result.mask_url is not None
    place = item.result.mask_url.partition("?")[0].rpartition("/v1/")[0] or item.result.mask_url
    response = httpx.get(item.result.mask_url)
    if response.status_code == httpx.codes.FORBIDDEN:
        raise Broken(
            f"{place} refuses the signed link. Check that the service signs for the address that "
            f"clients use, and the clocks: {_skew(response)}."
        )
    response.raise_for_status()
    mask = decode_mask(response.content)
    if mask.shape != (item.result.height, item.result.width):
        raise Broken(f"The mask is of shape {mask.shape}, not of its image's. Report this.")
    return f"mask fetched from {place}; {_skew(response)}"


def _skew(response: httpx.Response) -> str:
    told = response.headers.get("Date")
    if told is None:
        return "its clock is unknown"
    skew = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
    if response.is_success and abs(skew) > LARGEST_SKEW_S:
        raise Broken(f"Its clock is {skew:+.0f} s from ours: set both by NTP, or links will fail.")
    return f"its clock is {skew:+.0f} s from ours"


def _picture() -> bytes:
    """A small photo of noise: never seen before, so that it is really inferred."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", (64, 48), os.urandom(64 * 48 * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def nothing_runs(client: Client) -> bool:
    """Whether there is no service at all where the client looks."""
    try:
        client.get("/healthz")
    except ServiceUnreachable:
        return True
    except RoadmaskError:
        return False
    return False
