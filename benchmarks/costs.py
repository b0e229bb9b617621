"""`python -m benchmarks.costs`: CPU time of an image in each process."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import click

from benchmarks.harness import pictures
from benchmarks.harness.engine import BATCH, open_engine
from benchmarks.harness.section import Section, options, size_options
from benchmarks.latency import mask_of, one_by_one
from ml.inference.predictor import Predictor
from roadmask import Client, Stack, segment_folder

EXPLANATION = """
Milliseconds of CPU time for each image, over all cores, as the kernel counts them for each process.
`network`: the bare engine on the same images, decoded before, in full batches or, in the row `one
by one`, each alone. `with confidence`: the same with confidence. The CPU time of the worker beyond
`network` is decoding, encoding and storing. `client`: this process, which hashes, sends and writes
files. `elapsed`: wall time multiplied by the number of cores; the rest was idle. Medians over the
repeats.
"""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PROCESSES = ("worker-1", "api", "redis", "client")


def spent(pid: int | str | None) -> float:
    """Milliseconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def account(stack: Stack, count: int, run: Callable[[], object]) -> dict[str, float]:
    """CPU milliseconds per image in each process, for a run over `count` images."""
    pids: Mapping[str, int | str | None] = stack.pids | {"client": "self"}
    before, start = {name: spent(pids[name]) for name in PROCESSES}, time.perf_counter()
    run()
    elapsed = 1000 * (time.perf_counter() - start) * (os.cpu_count() or 1)
    taken = {name: spent(pids[name]) - before[name] for name in PROCESSES}
    return {name: ms / count for name, ms in (taken | {"elapsed": elapsed}).items()}


def network(predictor: Predictor, paths: list[Path], batch: int) -> dict[str, float]:
    """CPU milliseconds per image of the bare engine, without and with confidence."""
    images = [pictures.pixels(path) for path in paths]
    taken = {"network": 0.0, "with confidence": 0.0}
    for start in range(0, len(images), batch):
        few = images[start : start + batch]
        # Interleaved, so that other load on the machine affects both alike.
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
    """One repeat: CPU milliseconds per image of each way to segment, by process."""
    paths = pictures.write(work / "folder", images, pictures.parse_size(size))
    whole, alone = (network(predictor, paths, batch) for batch in (BATCH, 1))
    few = [client.upload(path).id for path in paths[: images // 4]]
    job = [client.upload(path).id for path in paths[images // 4 :]]
    folder = work / "more"
    pictures.write(folder, images, pictures.parse_size(size))
    ways: dict[str, tuple[int, dict[str, float], Callable[[], object]]] = {
        "one by one": (len(few), alone, lambda: one_by_one(partial(mask_of, client), few)),
        "job": (len(job), whole, lambda: client.wait(client.submit(job, lane="batch"))),
        "folder": (images, whole, lambda: list(segment_folder(client, folder, work / "masks"))),
        "again": (
            images,
            dict.fromkeys(whole, 0.0),
            lambda: list(segment_folder(client, folder, work / "masks-again")),
        ),
    }
    return {way: account(stack, count, run) | cost for way, (count, cost, run) in ways.items()}


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
            client.segment(next(pictures.jpegs(1, pictures.parse_size(sizes[0]))))
            for size in sizes:
                measured = [
                    measure(stack, client, predictor, work / f"{size}-{repeat}", images, size)
                    for repeat in range(repeats)
                ]
                for way in measured[0]:
                    costs = [
                        median(repeat[way][name] for repeat in measured)
                        for name in ("network", "with confidence", *PROCESSES, "elapsed")
                    ]
                    rows.append((size, way, *(f"{ms:.1f}" for ms in costs)))
    head = ("images", "way", "network", "with confidence", "worker", *PROCESSES[1:], "elapsed")
    model = str(predictor.artifact.model_version)
    Section("costs", "Where the time goes", EXPLANATION, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
