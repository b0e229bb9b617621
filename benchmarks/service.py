"""`python -m benchmarks.service`: what the service adds to its own engine.

Each repeat takes fresh pictures through three ways, one after another: the bare engine on decoded
pixels, a batch job over images that are uploaded already, and a folder from disk to masks on disk.
What counts is the ratio within a repeat. A last way segments that folder again, without inference.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import click

from benchmarks import pictures
from benchmarks.engine import BATCH, open_engine
from benchmarks.section import Section, extent, middle, options
from ml.predictor import Predictor
from roadmask import Client, Stack
from worker.models import full_name

WORDS = """
One worker and the local store; decoding, encoding, storing, Redis and the API share the cores with
the network. `engine`: the bare engine on images that are decoded already, driven as the worker
drives it. `job`: a batch job end to end, images uploaded before. `folder`: a folder on disk to
masks on disk, through hashing, upload, inference and download. `again`: the same folder to a new
place, all of it segmented before. Ratios are taken within a repeat; medians, and ranges.
"""


@dataclass(frozen=True)
class Repeat:
    """Images per second."""

    engine: float
    job: float
    folder: float
    again: float


def engine_rate(predictor: Predictor, paths: list[Path]) -> float:
    """The bare engine on pixels that are decoded already, used as a worker uses it: by as many
    threads as keep it busy, with one image each, or in full batches by one."""
    images = [pictures.pixels(path) for path in paths]
    size = BATCH if predictor.callers == 1 else 1
    batches = [images[at : at + size] for at in range(0, len(images), size)]
    with ThreadPoolExecutor(predictor.callers) as callers:
        return pictures.rate(len(images), lambda: list(callers.map(predictor.predict, batches)))


def job_rate(client: Client, paths: list[Path]) -> float:
    """One batch job over uploaded images, from submission to its end."""
    ids = [client.upload(path).id for path in paths]
    return pictures.rate(len(ids), lambda: client.wait(client.submit(ids, lane="batch")))


def folder_rate(client: Client, folder: Path, out: Path) -> float:
    """A folder on disk to masks on disk."""
    count = sum(1 for _ in folder.iterdir())
    return pictures.rate(count, lambda: list(client.segment_folder(folder, out)))


def measure(
    predictor: Predictor, client: Client, work: Path, images: int, size: tuple[int, int]
) -> Repeat:
    """One repeat, its files in `work`."""
    ways = {way: pictures.write(work / way, images, size) for way in ("engine", "job", "folder")}
    repeat = Repeat(
        engine_rate(predictor, ways["engine"]),
        job_rate(client, ways["job"]),
        folder_rate(client, work / "folder", work / "masks"),
        folder_rate(client, work / "folder", work / "masks-again"),
    )
    rmtree(work)
    return repeat


def row(size: str, repeats: list[Repeat]) -> tuple[str, ...]:
    """One line of the table."""
    return (
        size,
        middle(each.engine for each in repeats),
        middle((each.job / each.engine for each in repeats), 2),
        middle((each.folder / each.engine for each in repeats), 2),
        middle(each.again for each in repeats),
    )


@click.command()
@extent
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
            model = full_name(predictor.artifact)
            for size in sizes:
                measured = [
                    measure(predictor, client, work / "run", images, pictures.parse_size(size))
                    for _ in range(repeats)
                ]
                rows.append(row(size, measured))
    head = ("images", "engine, images/s", "job", "folder", "again, images/s")
    Section("service", "The service and its own engine", WORDS, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
