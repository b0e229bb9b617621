"""`python -m benchmarks`: what the service adds to the bare engine, on this machine, now.

Each repeat takes fresh pictures (nothing is in the cache) through three ways, one after another:
the bare engine on decoded pixels, a batch job over images that are uploaded already, and a folder
from disk to masks on disk. What counts is the ratio within a repeat; the medians are printed.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

import click

from ml.artifact import find_artifact
from ml.data.scenes import render
from ml.predictor import Predictor
from ml.predictors import Predictors
from roadmask import Client, Stack
from roadmask.pixels import decode, encode_jpeg
from roadmask.settings import Settings

MAX_PIXELS = Settings().max_image_pixels


def write_pictures(folder: Path, count: int, size: tuple[int, int], repeat: int) -> list[Path]:
    """JPEGs that no other repeat or way has: a few scenes, each with a number drawn into it."""
    folder.mkdir(parents=True)
    scenes = [render(seed, *size).image for seed in range(1, 5)]
    paths = []
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        picture = scenes[number % len(scenes)].copy()
        bits = f"{repeat * count + number:032b}"
        picture[-1, :32] = [[255 * int(bit)] * 3 for bit in bits]
        path.write_bytes(encode_jpeg(picture, 92))
        paths.append(path)
    return paths


def rate(count: int, run: Callable[[], object]) -> float:
    """Images per second of a run over `count` of them."""
    begun = time.perf_counter()
    run()
    return count / (time.perf_counter() - begun)


def engine(predictor: Predictor, paths: list[Path]) -> float:
    """The bare engine in full batches, on pixels that are decoded already."""
    images = [decode(path.read_bytes(), MAX_PIXELS) for path in paths]
    starts = range(0, len(images), 8)
    return rate(len(images), lambda: [predictor.predict(images[at : at + 8]) for at in starts])


def job(client: Client, paths: list[Path]) -> float:
    """One batch job over uploaded images, from submission to its end."""
    ids = [client.upload(path).id for path in paths]
    return rate(len(ids), lambda: client.wait(client.submit(ids, lane="batch")))


def folder_run(client: Client, folder: Path, out: Path) -> float:
    """A folder on disk to masks on disk: hash, upload, infer, download."""
    count = sum(1 for _ in folder.iterdir())
    return rate(count, lambda: list(client.segment_folder(folder, out)))


@click.command()
@click.option("--images", default=64, show_default=True, help="Images of one repeat and way.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default="480x360", show_default=True)
def main(images: int, repeats: int, size: str) -> None:
    """Print JSON: images per second and ratios to the bare engine, medians over the repeats."""
    width, height = (int(side) for side in size.split("x"))
    artifact = find_artifact(Settings().model)
    rows = []
    work = Path(tempfile.mkdtemp(prefix="roadmask-bench-"))
    try:
        with Stack(work / "data", port=0) as stack, stack.client() as client:
            predictor = Predictors(Settings()).load(artifact)
            predictor.warm()
            for repeat in range(repeats):
                ways = [
                    write_pictures(
                        work / f"{way}-{repeat}", images, (width, height), 3 * repeat + n
                    )
                    for n, way in enumerate(("engine", "job", "folder"))
                ]
                bare = engine(predictor, ways[0])
                rows.append(
                    {
                        "engine": bare,
                        "job": job(client, ways[1]) / bare,
                        "folder": folder_run(client, ways[2][0].parent, work / f"out-{repeat}")
                        / bare,
                    }
                )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(report(artifact.name, size, rows), indent=2))


def report(model: str, size: str, rows: list[dict[str, float]]) -> dict[str, object]:
    """The medians, and what they were measured with."""
    return {
        "model": model,
        "size": size,
        "engine_images_per_second": round(median(row["engine"] for row in rows), 2),
        "job_over_engine": round(median(row["job"] for row in rows), 3),
        "folder_over_engine": round(median(row["folder"] for row in rows), 3),
        "repeats": len(rows),
        "processor": processor(),
        "python": platform.python_version(),
        "tensorflow": version("tensorflow"),
    }


def processor() -> str:
    """The processor's name as the kernel tells it, else the machine's kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


if __name__ == "__main__":
    main()
