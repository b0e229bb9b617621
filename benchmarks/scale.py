"""`python -m benchmarks.scale`: more workers, more items, and their memory."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
from redis import Redis

from benchmarks.api import resident_mb
from benchmarks.harness import pictures
from benchmarks.harness.section import Section, median_and_range, options
from benchmarks.service import job_rate
from ml.registry.artifact import find_artifact
from roadmask import Client, Stack
from roadmask.settings import Settings

EXPLANATION = """
Workers: images/s of a batch job over new, uploaded images. Items: a job of that many ids, sent as
JSON lines to a service without workers: the time until the job is accepted and until it is
canceled, the growth of `used_memory` in Redis for each item, and the memory of the API afterwards.
Images: the memory of a worker after each quarter of a long job.
"""


def redis_of(data_dir: Path) -> Redis:
    """A connection to a stack's Redis."""
    lines = (line.split() for line in (data_dir / "redis" / "redis.conf").read_text().splitlines())
    config = {words[0]: words[1] for words in lines if len(words) > 1}
    return Redis(port=int(config["port"]), password=config["requirepass"])


def lines(image_id: str, count: int) -> Iterator[bytes]:
    """A request for `count` items of one image, 1,000 lines at a time."""
    line = json.dumps({"id": image_id}).encode() + b"\n"
    yield b'{"lane": "batch"}\n'
    for start in range(0, count, 1000):
        yield line * min(1000, count - start)


def worker_rows(work: Path, most: int, images: int, repeats: int) -> Iterator[tuple[str, ...]]:
    """Images per second by number of workers."""
    for workers in range(1, most + 1):
        with (
            Stack(work / f"workers-{workers}", port=0, workers=workers) as stack,
            stack.client() as client,
        ):
            rates = []
            for repeat in range(repeats + 1):
                folder = work / f"{workers}-{repeat}"
                rates.append(job_rate(client, pictures.write(folder, images, (480, 360))))
            # The first run also loads what is loaded on demand.
            yield f"{workers} workers", f"{median_and_range(rates[1:])} images/s", "", "", ""


def item_rows(stack: Stack, client: Client, counts: list[int]) -> Iterator[tuple[str, ...]]:
    """Time and memory of jobs with that many items."""
    image = client.upload(next(pictures.jpegs(1, (240, 180))))
    redis = redis_of(stack.data_dir)
    with httpx.Client(base_url=stack.url, timeout=600) as http:
        for count in counts:
            before, start = redis.info("memory")["used_memory"], time.perf_counter()
            answer = http.post(
                "/v1/jobs",
                content=lines(image.id, count),
                headers={"Content-Type": "application/x-ndjson"},
            ).raise_for_status()
            accepted = time.perf_counter() - start
            grown = redis.info("memory")["used_memory"] - before
            start = time.perf_counter()
            client.cancel(answer.json()["id"])
            canceled = time.perf_counter() - start
            yield (
                f"{count:,} items",
                f"accepted in {accepted:.2f} s",
                f"canceled in {canceled:.3f} s",
                f"Redis {grown / count:,.1f} bytes/item",
                f"API {resident_mb(stack.pids['api']):.0f} MB",
            )


def long_run(stack: Stack, client: Client, images: int) -> Iterator[tuple[str, ...]]:
    """Memory of a worker during a job."""
    ids = [client.upload(data).id for data in pictures.jpegs(images, (240, 180))]
    job = client.submit(ids, lane="batch")
    for quarter in range(1, 5):
        while client.job(job).counts.succeeded < quarter * images // 4:
            time.sleep(0.2)
        memory = resident_mb(stack.pids["worker-1"])
        yield f"after {quarter * images // 4:,} images", f"worker {memory:.0f} MB", "", "", ""


@click.command()
@click.option("--workers", default=2, show_default=True, help="Maximum number of workers.")
@click.option(
    "--images",
    default=64,
    show_default=True,
    help="Images of one job in the measurement of workers.",
)
@click.option("--repeats", default=3, show_default=True)
@click.option("--items", multiple=True, type=int, default=[1_000, 10_000, 100_000, 1_000_000])
@click.option(
    "--long", "long_images", default=10_000, show_default=True, help="Images of the long job."
)
@options
def main(
    workers: int,
    images: int,
    repeats: int,
    items: list[int],
    long_images: int,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table."""
    if smoke:
        workers, images, repeats, items, long_images = 1, 8, 1, [1_000, 5_000], 16
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        work = Path(folder)
        with Stack(work / "items", port=0, workers=0) as stack, stack.client() as client:
            rows = list(item_rows(stack, client, list(items)))
        rows += worker_rows(work, workers, images, repeats)
        with Stack(work / "long", port=0) as stack, stack.client() as client:
            rows += long_run(stack, client, long_images)
    model = str(find_artifact(Settings().model).model_version)
    head = ("", "", "", "", "")
    Section("scale", "More workers, more items", EXPLANATION, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
