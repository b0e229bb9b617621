"""`python -m benchmarks.costs`: the processor time of an image, by who spends it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import click

from benchmarks import pictures
from benchmarks.engine import BATCH, open_engine
from benchmarks.latency import mask_of, one_by_one
from benchmarks.section import Section, extent, options
from ml.predictor import Predictor
from roadmask import Client, Stack
from worker.models import full_name

WORDS = """
Milliseconds of processor time for each image, of all cores together, from the system's account of
the processes: a profile of the tables above. `network` is what the bare engine takes for the same
images, decoded before, in full batches or, beside `one by one`, alone; `with confidence` is
what it takes where that is asked for. The worker's time beyond `network` is decoding, encoding and
storing. `client` is this process, which hashes, sends and writes files.
`elapsed` is the time on the clock, of all cores: what is missing was spent idle. Medians over the
repeats.
"""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
WHO = ("worker-1", "api", "redis", "client")


def spent(pid: int | str | None) -> float:
    """Milliseconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def account(stack: Stack, count: int, run: Callable[[], object]) -> dict[str, float]:
    """What a run over so many images costs, by who, in milliseconds for each image."""
    pids: Mapping[str, int | str | None] = stack.pids | {"client": "self"}
    before, begun = {name: spent(pids[name]) for name in WHO}, time.perf_counter()
    run()
    elapsed = 1000 * (time.perf_counter() - begun) * (os.cpu_count() or 1)
    taken = {name: spent(pids[name]) - before[name] for name in WHO}
    return {name: ms / count for name, ms in (taken | {"elapsed": elapsed}).items()}


def network(predictor: Predictor, paths: list[Path], batch: int) -> dict[str, float]:
    """What the bare engine takes for an image, without confidence and with it."""
    images = [pictures.pixels(path) for path in paths]
    taken = {"network": 0.0, "with confidence": 0.0}
    for start in range(0, len(images), batch):
        few = images[start : start + batch]
        # In turn, so that a neighbour on the machine disturbs both alike.
        for name, predict in zip(
            taken, (predictor.predict, predictor.predict_with_confidence), strict=True
        ):
            before = time.process_time()
            predict(few)
            taken[name] += 1000 * (time.process_time() - before) / len(images)
    return taken


def measure(
    stack: Stack, client: Client, predictor: Predictor, work: Path, images: int, size: str
) -> dict[str, dict[str, float]]:
    """One repeat: the account of each way, with the network's share."""
    paths = pictures.write(work / "folder", images, pictures.parse_size(size))
    whole, alone = (network(predictor, paths, batch) for batch in (BATCH, 1))
    few = [client.upload(path).id for path in paths[: images // 4]]
    job = [client.upload(path).id for path in paths[images // 4 :]]
    folder = work / "more"
    pictures.write(folder, images, pictures.parse_size(size))
    ways: dict[str, tuple[int, dict[str, float], Callable[[], object]]] = {
        "one by one": (len(few), alone, lambda: one_by_one(partial(mask_of, client), few)),
        "job": (len(job), whole, lambda: client.wait(client.submit(job, lane="batch"))),
        "folder": (images, whole, lambda: list(client.segment_folder(folder, work / "masks"))),
        "again": (
            images,
            dict.fromkeys(whole, 0.0),
            lambda: list(client.segment_folder(folder, work / "anew")),
        ),
    }
    return {way: account(stack, count, run) | cost for way, (count, cost, run) in ways.items()}


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
            client.segment(next(pictures.jpegs(1, pictures.parse_size(sizes[0]))))
            for size in sizes:
                turns = [
                    measure(stack, client, predictor, work / f"{size}-{turn}", images, size)
                    for turn in range(repeats)
                ]
                for way in turns[0]:
                    costs = [
                        median(turn[way][name] for turn in turns)
                        for name in ("network", "with confidence", *WHO, "elapsed")
                    ]
                    rows.append((size, way, *(f"{ms:.1f}" for ms in costs)))
    head = ("images", "way", "network", "with confidence", "worker", *WHO[1:], "elapsed")
    model = full_name(predictor.artifact)
    Section("costs", "Where the time goes", WORDS, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
