"""`python -m benchmarks.memory`: memory of a worker's processes, and CPU time of its start."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.costs import spent
from benchmarks.harness import pictures
from benchmarks.harness.section import Section, options
from ml.registry.artifact import find_artifact
from roadmask import Client, Stack
from roadmask.images.decoding import encode_jpeg
from roadmask.settings import Settings

EXPLANATION = """
Megabytes of one worker and its child processes, with the local store: what they have allocated, and
their parts of files (libraries and weights), each once, as in a container of their own. `ready`: at
the end of the start, with the CPU time that all of them took for it. Each row after it follows a
batch job over {images} images of that size; `rest`: a pause of {rest:g} s at the end. `CPU ms` is
the CPU time of the worker for each image, with the kernels of a new size.
"""
BLOCK = 24
"""Width and height of the areas of one colour in an image, pixels."""


def images_of(size: tuple[int, int], count: int) -> Iterator[bytes]:
    """New JPEGs; `size` is (width, height)."""
    width, height = size
    for _ in range(count):
        shape = (-(-height // BLOCK), -(-width // BLOCK), 3)
        colours = np.frombuffer(os.urandom(int(np.prod(shape))), np.uint8).reshape(shape)
        yield encode_jpeg(colours.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width])


def processes(worker: int) -> list[int]:
    """The ids of a worker and of its child processes."""
    found = [worker]
    for children in Path(f"/proc/{worker}/task").glob("*/children"):
        for child in children.read_text().split():
            found += processes(int(child))
    return found


def megabytes(pids: list[int]) -> float:
    """The memory of processes that share files with nobody else, as those of a container."""
    own, files = 0, dict[str, int]()
    for pid in pids:
        mapped: Counter[str] = Counter()
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            name, *values = line.split()
            if not name.endswith(":"):  # the header of a mapping, with its file if it has one
                file = values[-1] if len(values) == 5 else ""
            elif name == "Rss:":
                mapped[file] += int(values[0])
            elif name == "Anonymous:":
                own += int(values[0])
                mapped[file] -= int(values[0])
        # What several processes map of a file counts once.
        files |= {name: max(kb, files.get(name, 0)) for name, kb in mapped.items()}
    return (own + sum(files.values())) / 1000


def row(step: str, worker: int, cpu_ms: float) -> tuple[str, ...]:
    """One row of the table."""
    pids = processes(worker)
    return (step, f"{megabytes(pids):.0f}", f"{megabytes(pids[:1]):.0f}", f"{cpu_ms:.0f}")


def measure(
    stack: Stack, client: Client, sizes: list[str], images: int, rest_s: float
) -> Iterator[tuple[str, ...]]:
    """The rows, step by step."""
    worker = stack.pids["worker-1"]
    assert worker
    yield row("ready", worker, sum(map(spent, processes(worker))))
    for size in sizes:
        ids = [client.upload(data).id for data in images_of(pictures.parse_size(size), images)]
        before = spent(worker)
        client.wait(client.submit(ids, lane="batch"))
        yield row(size, worker, (spent(worker) - before) / images)
    time.sleep(rest_s)
    yield row("rest", worker, 0)


@click.command()
@click.option(
    "--size",
    "sizes",
    multiple=True,
    default=["480x360", "2048x1024", "1280x720", "720x1280"],
    show_default=True,
)
@click.option("--images", default=24, show_default=True, help="Images of each size.")
@click.option("--rest", "rest_s", default=6.0, show_default=True, help="Seconds of the pause.")
@options
def main(sizes: list[str], images: int, rest_s: float, smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        sizes, images, rest_s = ["48x36"], 2, 0.0
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        data = Path(folder) / "data"
        with Stack(data, port=0) as stack, stack.client(patience=600) as client:
            rows = []
            for line in measure(stack, client, list(sizes), images, rest_s):
                click.echo(" ".join(line), err=True)
                rows.append(line)
    model = str(find_artifact(Settings().model).model_version)
    head = ("after", "all, MB", "the worker alone, MB", "CPU ms")
    words = EXPLANATION.format(images=images, rest=rest_s)
    Section("memory", "Memory of a worker", words, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
