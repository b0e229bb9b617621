"""`python -m benchmarks.latency`: submit to mask, when nothing else runs and under a batch."""

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

from benchmarks import pictures
from benchmarks.engine import open_engine
from benchmarks.section import Section, middle, options
from roadmask import Client, Stack
from roadmask.jobs import FINAL_STATES, Lane
from roadmask.masks import decode_mask
from roadmask.pixels import decode
from worker.models import full_name

WORDS = """
One client asks for the mask of one image after another, each uploaded before: the time from handing
the job in to holding the decoded mask. `with upload` is `Client.segment`, from bytes on. Bare
engine: one decoded image at a time. Under a batch: the same client while a batch job that does not
end keeps the worker busy; the last line is its images/s over what it reaches alone. Medians and
ranges over the repeats; overheads and ratios are taken within a repeat.
"""


@dataclass(frozen=True)
class Repeat:
    """Milliseconds; images per second."""

    engine: float
    sent: list[float]
    idle: list[float]
    loaded: list[float]
    alone: float
    beside: float

    @property
    def overhead(self) -> float:
        return statistics.median(self.idle) - self.engine

    @property
    def ratio(self) -> float:
        return p95(self.loaded) / p95(self.idle)


def p95(values: list[float]) -> float:
    """The value that one in twenty exceeds."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def mask_of(client: Client, image_id: str) -> None:
    """Submit and wait, fetch, decode."""
    job = client.submit([image_id], lane=Lane.INTERACTIVE, wait=60)
    [(_, png)] = client.masks(job, 0, 1)
    decode_mask(png or b"")


def one_by_one(ask: Callable[[Any], object], images: Sequence[Any]) -> list[float]:
    """Milliseconds that each takes."""
    taken = []
    for image in images:
        begun = time.perf_counter()
        ask(image)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def pace(client: Client, job_id: str, seconds: float) -> float:
    """Images per second that the job does meanwhile. It must not end before."""
    before, begun = client.job(job_id).counts.succeeded, time.perf_counter()
    time.sleep(seconds)
    while (job := client.job(job_id)).counts.succeeded == before:
        time.sleep(0.05)
    assert job.state not in FINAL_STATES, "the batch ended: give a larger --backlog"
    return (job.counts.succeeded - before) / (time.perf_counter() - begun)


def under_a_batch(
    client: Client, urgent: list[str], backlog: list[str], seconds: float
) -> tuple[list[float], float, float]:
    """Milliseconds of the urgent images; the batch's images per second without and with them."""
    job = client.submit(backlog, lane=Lane.BATCH)
    while client.job(job).counts.succeeded < min(8, len(backlog) // 4):
        time.sleep(0.05)
    alone = pace(client, job.id, seconds)
    before, begun = client.job(job).counts.succeeded, time.perf_counter()
    taken = one_by_one(partial(mask_of, client), urgent)
    after = client.job(job)
    assert after.state not in FINAL_STATES, "the batch ended: give a larger --backlog"
    beside = (after.counts.succeeded - before) / (time.perf_counter() - begun)
    client.cancel(job)
    client.wait(job)
    return taken, alone, beside


@click.command()
@click.option("--images", default=60, show_default=True, help="Urgent images of a repeat and way.")
@click.option("--backlog", default=2000, show_default=True, help="Images of the batch job.")
@click.option("--seconds", default=5.0, show_default=True, help="How long the batch runs alone.")
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
            idle, urgent, waiting = (
                [client.upload(data).id for data in pictures.jpegs(count, sides)]
                for count in (images, images, backlog)
            )
            decoded = [[decode(data, pictures.MAX_PIXELS)] for data in files]
            measured.append(
                Repeat(
                    statistics.median(one_by_one(predictor.predict, decoded)),
                    one_by_one(client.segment, files),
                    one_by_one(partial(mask_of, client), idle),
                    *under_a_batch(client, urgent, waiting, seconds),
                )
            )
    table(full_name(predictor.artifact), size, measured).publish(out)


def table(model: str, size: str, repeats: list[Repeat]) -> Section:
    """What was measured."""
    rows = [
        ("bare engine, median, ms", middle(each.engine for each in repeats)),
        ("idle, median, ms", middle(statistics.median(each.idle) for each in repeats)),
        ("idle, over the engine, ms", middle(each.overhead for each in repeats)),
        ("idle, with upload, median, ms", middle(statistics.median(each.sent) for each in repeats)),
        ("idle, p95, ms", middle(p95(each.idle) for each in repeats)),
        ("under a batch, median, ms", middle(statistics.median(each.loaded) for each in repeats)),
        ("under a batch, p95, ms", middle(p95(each.loaded) for each in repeats)),
        ("p95 under a batch over p95 idle", middle((each.ratio for each in repeats), 2)),
        ("batch beside over alone", middle((each.beside / each.alone for each in repeats), 2)),
    ]
    return Section("latency", "How long one image takes", WORDS, (size, ""), rows, model)


if __name__ == "__main__":
    main()
