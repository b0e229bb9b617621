"""`python -m benchmarks.latency`: time from submission to mask, idle and during a batch job."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.harness import pictures
from benchmarks.harness.engine import open_engine
from benchmarks.harness.section import Section, median_and_range, options
from roadmask import Client, Stack
from roadmask.images.decoding import decode
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import FINAL_STATES, Lane

EXPLANATION = """
One client segments one uploaded image after another: the time from submitting the job to having the
decoded mask. `with upload`: `Client.segment`, from the bytes of the image. Bare engine: one decoded
image at a time. The three take turns, image by image; `over the engine` is the median of the
differences within a turn. Under a batch: the same client while a long batch job keeps the worker
busy; the last row is the images/s of that job during the measurement, over its images/s alone.
Medians and ranges over the repeats.
"""


@dataclass(frozen=True)
class Repeat:
    """Milliseconds of the engine and of each image; images/s of the batch job."""

    engine: list[float]
    sent: list[float]
    idle: list[float]
    loaded: list[float]
    alone: float
    beside: float

    def over_engine(self, taken: list[float]) -> float:
        """The median of the differences to the engine, turn by turn."""
        pairs = zip(taken, self.engine, strict=True)
        return statistics.median(service - engine for service, engine in pairs)

    @property
    def ratio(self) -> float:
        return p95(self.loaded) / p95(self.idle)


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def mask_of(client: Client, image_id: str) -> None:
    """Submit a job, wait for its end, fetch the mask and decode it."""
    job = client.submit([image_id], lane=Lane.INTERACTIVE, wait=60)
    [(_, png)] = client.masks(job, 0, 1)
    decode_mask(png or b"")


def milliseconds(call: Callable[[], object]) -> float:
    """The time of a call."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def one_by_one(segment: Callable[[Any], object], images: Sequence[Any]) -> list[float]:
    """Milliseconds of each call."""
    return [milliseconds(partial(segment, image)) for image in images]


def in_turns(ways: Sequence[tuple[Callable[[Any], object], Sequence[Any]]]) -> list[list[float]]:
    """Milliseconds of each call, by way. The ways take turns, so that noise meets all alike."""
    taken: list[list[float]] = [[] for _ in ways]
    for turn in zip(*(images for _, images in ways), strict=True):
        for times, (segment, _), image in zip(taken, ways, turn, strict=True):
            times.append(milliseconds(partial(segment, image)))
    return taken


def batch_rate(client: Client, job_id: str, seconds: float) -> float:
    """Images per second of a running job over `seconds`. The job must not end before."""
    before, start = client.job(job_id).counts.succeeded, time.perf_counter()
    time.sleep(seconds)
    while (job := client.job(job_id)).counts.succeeded == before:
        time.sleep(0.05)
    assert job.state not in FINAL_STATES, "the batch ended: give a larger --backlog"
    return (job.counts.succeeded - before) / (time.perf_counter() - start)


def under_a_batch(
    client: Client, interactive: list[str], backlog: list[str], seconds: float
) -> tuple[list[float], float, float]:
    """Milliseconds of the interactive images; images/s of the batch job without and with them."""
    job = client.submit(backlog, lane=Lane.BATCH)
    while client.job(job).counts.succeeded < min(8, len(backlog) // 4):
        time.sleep(0.05)
    alone = batch_rate(client, job.id, seconds)
    before, start = client.job(job).counts.succeeded, time.perf_counter()
    taken = one_by_one(partial(mask_of, client), interactive)
    after = client.job(job)
    assert after.state not in FINAL_STATES, "the batch ended: give a larger --backlog"
    beside = (after.counts.succeeded - before) / (time.perf_counter() - start)
    client.cancel(job)
    client.wait(job)
    return taken, alone, beside


@click.command()
@click.option(
    "--images", default=60, show_default=True, help="Interactive images of one measurement."
)
@click.option("--backlog", default=2000, show_default=True, help="Images of the batch job.")
@click.option(
    "--seconds", default=5.0, show_default=True, help="How long the batch job runs alone."
)
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default="480x360", show_default=True)
@options
def main(
    images: int,
    backlog: int,
    seconds: float,
    repeats: int,
    size: str,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table."""
    if smoke:
        images, backlog, seconds, repeats = 3, 80, 0.2, 1
    sides = pictures.parse_size(size)
    measured = []
    with (
        tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder,
        Stack(Path(folder), port=0) as stack,
        stack.client() as client,
    ):
        predictor = open_engine()
        one_by_one(client.segment, list(pictures.jpegs(3, sides)))
        for _ in range(repeats):
            files = list(pictures.jpegs(images, sides))
            idle, interactive, waiting = (
                [client.upload(data).id for data in pictures.jpegs(count, sides)]
                for count in (images, images, backlog)
            )
            decoded = [[decode(data, pictures.MAX_PIXELS)] for data in files]
            engine, sent, idle_ms = in_turns(
                [
                    (predictor.predict, decoded),
                    (client.segment, files),
                    (partial(mask_of, client), idle),
                ]
            )
            loaded = under_a_batch(client, interactive, waiting, seconds)
            measured.append(Repeat(engine, sent, idle_ms, *loaded))
    table(str(predictor.artifact.model_version), size, measured).publish(out)


def table(model: str, size: str, repeats: list[Repeat]) -> Section:
    """The section with the table of all repeats."""
    rows = [
        (
            "bare engine, median, ms",
            median_and_range(statistics.median(each.engine) for each in repeats),
        ),
        ("idle, median, ms", median_and_range(statistics.median(each.idle) for each in repeats)),
        (
            "idle, over the engine, ms",
            median_and_range(each.over_engine(each.idle) for each in repeats),
        ),
        (
            "idle, with upload, median, ms",
            median_and_range(statistics.median(each.sent) for each in repeats),
        ),
        (
            "idle, with upload, over the engine, ms",
            median_and_range(each.over_engine(each.sent) for each in repeats),
        ),
        ("idle, p95, ms", median_and_range(p95(each.idle) for each in repeats)),
        (
            "under a batch, median, ms",
            median_and_range(statistics.median(each.loaded) for each in repeats),
        ),
        ("under a batch, p95, ms", median_and_range(p95(each.loaded) for each in repeats)),
        ("p95 under a batch over p95 idle", median_and_range((each.ratio for each in repeats), 2)),
        (
            "batch beside over alone",
            median_and_range((each.beside / each.alone for each in repeats), 2),
        ),
    ]
    return Section("latency", "How long one image takes", EXPLANATION, (size, ""), rows, model)


if __name__ == "__main__":
    main()
