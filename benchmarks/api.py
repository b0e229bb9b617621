"""`python -m benchmarks.api`: capacity of one API process: submissions, polls, streams, memory."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx

from benchmarks.harness import pictures
from benchmarks.harness.load import Load, press, request
from benchmarks.harness.section import Section, options
from roadmask import Client, Stack

EXPLANATION = """
One API process without a worker, under load from another process on the same machine. `GET
/healthz` does nothing, so it shows the maximum of one uvicorn process. Streams: SSE clients of one
job; the time is from the end of the job until the last client has received it. Afterwards the same
number of clients connects again.
"""
CONNECTIONS = 16


def resident_mb(pid: int | None) -> float:
    """Resident memory of a process, MB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def streams_end(client: Client, url: str, job_id: str, count: int) -> tuple[float, float]:
    """Seconds until `count` streams are open, and from the end of the job to the end of all."""
    return asyncio.run(_streams_end(client, url, job_id, count))


async def _streams_end(client: Client, url: str, job_id: str, count: int) -> tuple[float, float]:
    start = time.perf_counter()
    streams = [await _open(url, job_id) for _ in range(count)]
    opened = time.perf_counter() - start
    start = time.perf_counter()
    await asyncio.to_thread(client.cancel, job_id)
    for reader, writer in streams:
        events = await reader.read()
        assert b'"state":"canceled"' in events, events[-500:]
        writer.close()
    return opened, time.perf_counter() - start


async def _open(url: str, job_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head_only = request("GET", f"{url}/v1/jobs/{job_id}/events")
    writer.write(head_only.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head.decode()
    return reader, writer


def load_row(name: str, load: Load) -> tuple[str, str, str, str]:
    """One row of the table."""
    p50, p99 = (f"{load.quantile(share):.1f} ms" for share in (0.5, 0.99))
    return name, f"{load.rate:,.0f}/s", p50, p99


@click.command()
@click.option("--seconds", default=10.0, show_default=True, help="Duration of each load.")
@click.option("--streams", default=1000, show_default=True)
@options
def main(seconds: float, streams: int, smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        seconds, streams = 1.0, 20
    # The capacity is measured, not the limits that protect it.
    os.environ |= {"ROADMASK_MAX_SUBMISSIONS_PER_S": "0", "ROADMASK_MAX_OPEN_JOBS": "1000000"}
    with (
        tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder,
        Stack(Path(folder), port=0, workers=0) as stack,
        stack.client() as client,
    ):
        pid = stack.pids["api"]
        memory = [("after its start", resident_mb(pid))]
        image = client.upload(next(pictures.jpegs(1, (480, 360))))
        body = json.dumps({"images": [{"id": image.id}], "lane": "batch"}).encode()
        job = client.submit([image.id], lane="batch")
        poll = request("GET", f"{stack.url}/v1/jobs/{job.id}")
        loads = {
            "`GET /healthz`": request("GET", f"{stack.url}/healthz"),
            "`GET /v1/jobs/ID`": poll,
            "`POST /v1/jobs`": request("POST", f"{stack.url}/v1/jobs", body),
        }
        rows: list[tuple[str, ...]] = []
        for name, message in loads.items():
            rows.append(load_row(name, press(stack.url, [message], CONNECTIONS, seconds)))
            memory.append((f"after {name}", resident_mb(pid)))
        link = f"{stack.url}/v1/images/{image.id}/thumbnail"
        assert httpx.get(link, follow_redirects=True).headers["content-type"] == "image/jpeg"
        memory.append(("after a thumbnail", resident_mb(pid)))
        opened, ended = streams_end(client, stack.url, job.id, streams)
        rate = f"{streams / opened:,.0f}/s opened"
        rows.append((f"{streams:,} streams", rate, "", f"{ended:.2f} s"))
        memory.append(("after the streams", resident_mb(pid)))
        again = client.submit([image.id], lane="batch")
        streams_end(client, stack.url, again.id, streams)
        memory.append(("after as many streams again", resident_mb(pid)))
        press(stack.url, [poll], CONNECTIONS, seconds)
        memory.append(("after as many polls again", resident_mb(pid)))
        rows += [(f"memory {when}", f"{mb:.0f} MB", "", "") for when, mb in memory]
    head = ("", "rate", "median", "p99, or the last")
    Section("api", "Capacity of the API", EXPLANATION, head, rows).publish(out)


if __name__ == "__main__":
    main()
