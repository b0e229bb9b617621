"""`python -m benchmarks.service`: throughput of the service, compared with its own engine.

Each repeat measures, one after another and on new images: the bare engine on decoded images, a
batch job over uploaded images, and a folder from disk to masks on disk. The result is the ratio
within a repeat. The last measurement segments the same folder again, without inference.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.harness import pictures
from benchmarks.harness.engine import BATCH, open_engine
from benchmarks.harness.section import Section, median_and_range, options, size_options
from ml.inference.predictor import Predictor
from roadmask import Client, Stack, segment_folder

EXPLANATION = """
One worker and the local store. Decoding, encoding, storing, Redis and the API share the cores with
the network. `engine`: the bare engine on decoded images, called as the worker calls it. `job`: a
batch job over uploaded images, from submission to its end. `folder`: a folder on disk to masks on
disk, with hashing, upload, inference and download. `again`: the same folder to a new place, where
all masks are stored already. `job` and `folder` are ratios to `engine` within a repeat. Medians and
ranges.
"""


@dataclass(frozen=True)
class Repeat:
    """Images per second."""

    engine: float
    job: float
    folder: float
    again: float


def engine_rate(predictor: Predictor, paths: list[Path]) -> float:
    """The bare engine on decoded images, called as a worker calls it: with one image from each of
    several threads, or with full batches from one thread."""
    images = [pictures.pixels(path) for path in paths]
    size = BATCH if predictor.max_concurrency == 1 else 1
    batches = [images[at : at + size] for at in range(0, len(images), size)]
    with ThreadPoolExecutor(predictor.max_concurrency) as threads:
        return pictures.rate(len(images), lambda: list(threads.map(predictor.predict, batches)))


def job_rate(client: Client, paths: list[Path]) -> float:
    """A batch job over uploaded images, from submission to its end."""
    ids = [client.upload(path).id for path in paths]
    return pictures.rate(len(ids), lambda: client.wait(client.submit(ids, lane="batch")))


def folder_rate(client: Client, folder: Path, out: Path) -> float:
    """A folder on disk to masks on disk."""
    count = sum(1 for _ in folder.iterdir())
    return pictures.rate(count, lambda: list(segment_folder(client, folder, out)))


def measure(
    predictor: Predictor, client: Client, work: Path, images: int, size: tuple[int, int]
) -> Repeat:
    """One repeat, with its files in the new folder `work`."""
    ways = {way: pictures.write(work / way, images, size) for way in ("engine", "job", "folder")}
    repeat = Repeat(
        engine_rate(predictor, ways["engine"]),
        job_rate(client, ways["job"]),
        folder_rate(client, work / "folder", work / "masks"),
        folder_rate(client, work / "folder", work / "masks-again"),
    )
    pictures.empty(work)
    return repeat


def row(size: str, repeats: list[Repeat]) -> tuple[str, ...]:
    """One row of the table."""
    return (
        size,
        median_and_range(each.engine for each in repeats),
        median_and_range((each.job / each.engine for each in repeats), 2),
        median_and_range((each.folder / each.engine for each in repeats), 2),
        median_and_range(each.again for each in repeats),
    )


@click.command()
@size_options
@options
def main(images: int, repeats: int, sizes: list[str], smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        images, repeats, sizes = 8, 1, ["480x360"]
    rows = []
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        work = Path(folder)
        with Stack(work / "data", port=0) as stack, stack.client() as client:
            predictor = open_engine()
            model = str(predictor.artifact.model_version)
            for size in sizes:
                measured = [
                    measure(
                        predictor, client, work / size / str(n), images, pictures.parse_size(size)
                    )
                    for n in range(repeats)
                ]
                rows.append(row(size, measured))
    head = ("images", "engine, images/s", "job", "folder", "again, images/s")
    Section("service", "The service and its own engine", EXPLANATION, head, rows, model).publish(
        out
    )


if __name__ == "__main__":
    main()
