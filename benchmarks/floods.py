"""`python -m benchmarks.floods`: what floods of one process of the API cost its other clients.

A second process sends each flood as fast as the answers come, while event streams are open and
`/healthz` is asked 20 times a second.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import io
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx
from PIL import Image

from api.bodies.limits import MAX_JSON_OBJECTS, MAX_JSON_VALUES, MAX_TASKS_BYTES
from benchmarks.harness import pictures
from benchmarks.harness.load import Load, request
from benchmarks.harness.section import Section, options
from roadmask import Stack

EXPLANATION = """
One API process without a worker. Another process sends a flood as fast as its answers come, on
several connections, while event streams are open and `/healthz` is asked 20 times a second. Memory
is the peak of the API process so far.
"""
PROBES_PER_S = 20
SIDE = 7000
"""Of the images whose thumbnails are asked for, pixels: 49 megapixels."""


@dataclass(frozen=True)
class Target:
    """What is flooded."""

    url: str
    job_id: str

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def send(self, data: bytes) -> bytes:
        """Send bytes on a new connection; the start of the answer."""
        reader, writer = await self.open()
        try:
            writer.write(data)
            await writer.drain()
            return await reader.read(1000)
        finally:
            writer.close()

    def post(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        return request("POST", f"{self.url}{path}", body, kind)


Flood = Callable[[Target], Awaitable[None]]


def json_of(path: str, opening: bytes, value: bytes) -> Flood:
    """As many values as the API reads, in one body."""
    values, objects = 1 + sum(map(value.count, (b",", b"[", b"{"))), value.count(b"{")
    count = (MAX_JSON_OBJECTS // objects if objects else MAX_JSON_VALUES // values) - 2
    body = opening % b",".join([value] * count)

    async def flood(target: Target) -> None:
        await target.send(target.post(path, body))

    return flood


async def label_studio(target: Target) -> None:
    task = json.dumps({"id": 1, "data": {"image": "x" * 7000}})
    tasks = ",".join([task] * 1000)[: MAX_TASKS_BYTES - 100]
    body = f'{{"tasks": [{tasks}'.encode()
    await target.send(target.post("/label-studio/predict", body))


async def endless_heads(target: Target) -> None:
    await target.send(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 2**20)


async def many_headers(target: Target) -> None:
    await target.send(b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 20_000)


async def halves(target: Target) -> None:
    """Half a request, and then nothing until the API ends the connection."""
    reader, writer = await target.open()
    writer.write(b"GET /v1/jobs HTTP/1.1\r\nHost: ")
    await reader.read(100)
    writer.close()


async def connections(target: Target) -> None:
    _, writer = await target.open()
    writer.close()


async def form_of_parts(target: Target) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n{}\r\n'
    body = part * 20_000 + b"--b--\r\n"
    await target.send(target.post("/v1/jobs", body, "multipart/form-data; boundary=b"))


async def form_of_headers(target: Target) -> None:
    body = b"--b\r\n" + b"A: b\r\n" * 200_000
    await target.send(target.post("/v1/jobs", body, "multipart/form-data; boundary=b"))


_numbers = count()


@cache
def large_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 120).save(buffer, "PNG")
    return buffer.getvalue()


async def previews(target: Target) -> None:
    # What follows the end of a PNG is not read, and makes another file of it.
    data = large_png() + f"{os.getpid()} {next(_numbers)}".encode()
    path = f"{target.url}/v1/images/sha256-{hashlib.sha256(data).hexdigest()}"
    async with httpx.AsyncClient(timeout=120) as client:
        await client.put(path, content=data)
        await client.get(f"{path}/thumbnail")


async def lists(target: Target) -> None:
    for path in ("/v1/jobs?limit=1000", "/v1/images?limit=1000", f"/v1/jobs/{target.job_id}/items"):
        await target.send(request("GET", f"{target.url}{path}"))


async def submissions(target: Target) -> None:
    body = json.dumps({"images": [{"id": "sha256-" + "0" * 64}] * 1000}).encode()
    await target.send(target.post("/v1/jobs", body))


FLOODS: dict[str, tuple[Flood, int]] = {
    "JSON, unknown images": (json_of("/v1/jobs", b'{"images": [%s]}', b'{"id":"a"}'), 4),
    "JSON, wrong values": (json_of("/v1/jobs", b'{"images": [%s]}', b"0"), 4),
    "JSON, wrong entries": (json_of("/v1/datasets/a/images", b"[%s]", b"{}"), 4),
    "JSON, hashes": (json_of("/v1/images/missing", b'{"sha256": [%s]}', b'""'), 4),
    "Label Studio, 7 MB": (label_studio, 2),
    "heads without end": (endless_heads, 8),
    "heads of 20,000 lines": (many_headers, 8),
    "halves of heads": (halves, 300),
    "connections": (connections, 32),
    "forms of 20,000 parts": (form_of_parts, 4),
    "forms of 200,000 header lines": (form_of_headers, 4),
    "thumbnails of 49 megapixels": (previews, 2),
    "lists": (lists, 8),
    "jobs of 1,000 unknown images": (submissions, 8),
}
"""Each flood, and its number of connections."""


def drive(target: Target, names: list[str], seconds: float, niceness: int) -> None:
    """Send floods. It runs in a process of its own."""
    os.nice(niceness)
    asyncio.run(_drive(target, names, seconds))


async def _drive(target: Target, names: list[str], seconds: float) -> None:
    end = time.monotonic() + seconds

    async def repeat(flood: Flood) -> None:
        while time.monotonic() < end:
            with suppress(OSError, asyncio.TimeoutError, httpx.HTTPError):
                await asyncio.wait_for(flood(target), max(0.1, end - time.monotonic()))

    floods = [FLOODS[name] for name in names]
    await asyncio.gather(*(repeat(flood) for flood, n in floods for _ in range(n)))


def hold(target: Target, streams: int, ready: Path) -> None:
    """Keep event streams open. It runs in a process of its own."""
    asyncio.run(_hold(target, streams, ready))


async def _hold(target: Target, streams: int, ready: Path) -> None:
    opened = []
    for _ in range(streams):
        reader, writer = await target.open()
        writer.write(request("GET", f"{target.url}/v1/jobs/{target.job_id}/events"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        opened.append((reader, writer))
    ready.touch()

    async def read(reader: asyncio.StreamReader) -> None:
        while await reader.read(2**16):
            pass

    await asyncio.gather(*(read(reader) for reader, _ in opened))


def probe(url: str, seconds: float) -> Load:
    """Ask for `/healthz` at a fixed rate, each time as another client: none waits for another."""
    parts = urlsplit(url)
    clients = [
        http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        for _ in range(PROBES_PER_S)
    ]

    def ask(number: int, due: float) -> float:
        connection = clients[number % len(clients)]
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        return time.perf_counter() - due

    start = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        asked: list[Future[float]] = []
        for number in range(int(seconds * PROBES_PER_S)):
            due = start + number / PROBES_PER_S
            time.sleep(max(0.0, due - time.perf_counter()))
            if number >= len(clients):
                asked[number - len(clients)].result()  # a client asks again after its answer
            asked.append(pool.submit(ask, number, due))
        latencies = sorted(each.result() for each in asked)
    for connection in clients:
        connection.close()
    return Load(latencies, time.perf_counter() - start)


def peak_mb(pid: int | None) -> float:
    """The peak of a process's resident memory, MB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


@contextmanager
def process(function: Callable[..., None], *arguments: object) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=function, args=arguments, daemon=True)
    child.start()
    try:
        yield
    finally:
        child.kill()
        child.join()


def measure(target: Target, names: list[str], seconds: float, niceness: int) -> Load:
    if not names:
        return probe(target.url, seconds)
    with process(drive, target, names, seconds + 60, niceness):
        time.sleep(2)  # it imports, and begins
        return probe(target.url, seconds)


@click.command()
@click.option("--streams", default=1000, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="Of each flood.")
@click.option("--only", multiple=True, type=click.Choice([*FLOODS, "all"]))
@click.option(
    "--niceness",
    type=click.IntRange(0, 19),
    default=0,
    show_default=True,
    help="Of the process that sends the floods: with 19 it gives way, as another machine would.",
)
@options
def main(
    streams: int,
    seconds: float,
    only: tuple[str, ...],
    niceness: int,
    smoke: bool,
    out: Path | None,
) -> None:
    """Measure each flood alone, and all of them together."""
    if smoke:
        streams, seconds = 20, 0.5
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder,
        Stack(Path(folder) / "data", port=0, workers=0) as stack,
        stack.client() as client,
    ):
        pid = stack.pids["api"]
        image = client.upload(next(pictures.jpegs(1, (480, 360))))
        target = Target(stack.url, client.submit([image.id], lane="batch").id)
        rows.append(row("nothing else", probe(target.url, seconds), peak_mb(pid)))
        ready = Path(folder) / "ready"
        with process(hold, target, streams, ready):
            while not ready.exists():
                time.sleep(0.1)
            plans: dict[str, list[str]] = {f"{streams:,} streams": []}
            plans |= {name: [name] for name in FLOODS} | {"all of them at once": list(FLOODS)}
            for name, names in plans.items():
                wanted = "all" if len(names) > 1 else name
                if not only or not names or wanted in only:
                    load = measure(target, names, seconds, niceness)
                    rows.append(row(name, load, peak_mb(pid)))
                    print(*rows[-1], sep=" | ", flush=True)
    head = ("", "median", "p99", "longest", "memory")
    title = "Floods of one API process: `GET /healthz`, and memory"
    Section("floods", title, EXPLANATION, head, rows).publish(out)


def row(name: str, load: Load, memory: float) -> tuple[str, ...]:
    figures = (f"{load.quantile(share):.1f} ms" for share in (0.5, 0.99, 1.0))
    return name, *figures, f"{memory:.0f} MB"


if __name__ == "__main__":
    main()
