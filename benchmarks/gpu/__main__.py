"""`python -m benchmarks.gpu`: the whole check, in 8 minutes, into docs/performance/gpu.md.

Without a graphics processor it runs on the CPU, which shows that the check itself works.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.harness import pictures
from benchmarks.harness.section import versions
from benchmarks.service import folder_rate, job_rate
from ml.recipes.registry import RECIPES
from ml.study.machine import processor_name
from ml.study.markdown import table
from roadmask import Stack
from roadmask.masks.scores import confusion, scores

PAGE = Path(__file__).parents[2] / "docs" / "performance" / "gpu.md"
LIMIT_S = 480.0
"""Time for the whole check, seconds. A part that does not fit any more is left out, and said so."""
LEAST_EQUAL = 0.99
"""Share of pixels that must be equal on both processors."""

Row = tuple[str, str]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    size: str
    scenes: int
    batches: tuple[int, ...]
    seconds: float
    images: int
    steps: int


FULL = Sizes("2048x1024", 8, (1, 2, 4, 8, 16, 32), 3.0, 128, 4)
ON_CPU = Sizes("2048x1024", 2, (1, 8), 2.0, 16, 1)
SMOKE = Sizes("240x180", 2, (1, 2), 0.1, 8, 1)


def engine(place: Path, sizes: Sizes, **environment: str) -> dict[str, Any]:
    """Run `benchmarks.gpu.engine` in a process of its own; its facts and its masks."""
    command = [sys.executable, "-m", "benchmarks.gpu.engine", str(place), "--size", sizes.size]
    command += ["--scenes", str(sizes.scenes), "--seconds", str(sizes.seconds)]
    command += [word for count in sizes.batches for word in ("--batch", str(count))]
    subprocess.run(command, env=os.environ | environment, check=True)
    facts: dict[str, Any] = json.loads((place / "facts.json").read_text())
    with np.load(place / "masks.npz") as masks:
        facts["masks"] = [masks[name] for name in masks.files]
    return facts


def backend() -> str:
    """TensorFlow, or JAX where only JAX finds a graphics processor."""
    probe = "import {}; print(len({}))"
    ways = {
        "tensorflow": ("tensorflow as tf", "tf.config.list_physical_devices('GPU')"),
        "jax": ("jax", "[d for d in jax.devices() if d.platform != 'cpu']"),
    }
    for name, parts in ways.items():
        found = subprocess.run(
            [sys.executable, "-c", probe.format(*parts)], capture_output=True, text=True
        )
        if found.returncode == 0 and int(found.stdout.split()[-1]):
            return name
    return "tensorflow"


def agreement(ours: list[Any], others: list[Any]) -> tuple[float, float]:
    """Share of equal pixels, and the mean IoU, of two sets of masks."""
    equal = float(np.mean([np.mean(a == b) for a, b in zip(ours, others, strict=True)]))
    total = sum(confusion(a, b) for a, b in zip(ours, others, strict=True))
    return equal, float(scores(np.asarray(total), images=len(ours)).mean_iou or 0)


def service_rows(work: Path, sizes: Sizes) -> Iterator[Row]:
    """A job and a folder through the whole service."""
    os.environ["ROADMASK_ENGINE"] = "keras"
    sides = pictures.parse_size(sizes.size)
    with Stack(work / "data", port=0, start_timeout=240) as stack, stack.client() as client:
        client.segment(next(pictures.jpegs(1, sides)))
        worker = next(iter(client.service().workers))
        yield "engine of the worker", str(worker.model)
        job = job_rate(client, pictures.write(work / "job", sizes.images, sides))
        yield f"job of {sizes.images} images, images/s", f"{job:.2f}"
        pictures.write(work / "folder", sizes.images, sides)
        folder = folder_rate(client, work / "folder", work / "masks")
        yield f"folder of {sizes.images} images, images/s", f"{folder:.2f}"


def training_rows(sizes: Sizes) -> Iterator[Row]:
    """The training step of the default's recipe."""
    from benchmarks.training import measure

    name = "street_unet"
    ((ours, plain),) = measure(RECIPES[name], sizes.steps, 1)
    yield f"training step of `{name}`, images/s", f"{ours:.2f}"
    yield f"Keras' `fit` of `{name}` in float32, images/s", f"{plain:.2f}"


@click.command()
@click.option("--smoke", is_flag=True, help="Tiny sizes, to see that it runs.")
@click.option("--out", type=click.Path(path_type=Path), default=PAGE, show_default=False)
def main(smoke: bool, out: Path) -> None:
    """Check and measure; exit with 1 if the masks differ."""
    begun = time.monotonic()
    name = backend()
    with tempfile.TemporaryDirectory(prefix="roadmask-gpu-") as place:
        work = Path(place)
        cpu = engine(work / "cpu", SMOKE if smoke else ON_CPU, CUDA_VISIBLE_DEVICES="")
        has_gpu = name != "tensorflow" or _has_gpu()
        sizes = SMOKE if smoke else FULL if has_gpu else ON_CPU
        here = engine(work / "here", sizes, KERAS_BACKEND=name)
        equal, iou = agreement(here["masks"][: len(cpu["masks"])], cpu["masks"])
        rows: list[Row] = [
            ("processor", str(here["device"])),
            ("backend of Keras", str(here["backend"])),
            ("pixels as on the CPU", f"{equal:.4%}"),
            ("mean IoU with the CPU's masks", f"{iou:.4f}"),
        ]
        for facts in (cpu, here):
            where = "CPU" if facts is cpu else here["device"]
            rows += [
                (f"network on {where}, batches of {count}, images/s", str(rate))
                for count, rate in facts["rates"].items()
            ]
        if here["peak_mb"] is not None:
            rows.append(("most memory of the processor, MB", f"{here['peak_mb']:.0f}"))
        for part in (service_rows(work, sizes), training_rows(sizes)):
            if time.monotonic() - begun > LIMIT_S:
                rows.append(("left out", "the time was over"))
                break
            for row in part:
                rows.append(row)
                print(": ".join(row), flush=True)
    out.write_text(_page(rows, here, has_gpu=has_gpu))
    print(out.read_text(), flush=True)
    if equal < LEAST_EQUAL:
        sys.exit(f"{1 - equal:.2%} of the pixels differ from those of the CPU")


def _has_gpu() -> bool:
    from ml.engines.choice import has_gpu

    return has_gpu()


def _page(rows: list[Row], facts: dict[str, Any], *, has_gpu: bool) -> str:
    date = datetime.now(UTC).date().isoformat()
    note = (
        "" if has_gpu else "There was no graphics processor: this run shows that the check works.\n"
    )
    return f"""# On a graphics processor: `{facts["model"]}`

`make gpu-check` wrote this page. {note}
{table(("", ""), rows)}

{date}; {processor_name()}; {os.cpu_count()} cores; {versions()}.
"""


if __name__ == "__main__":
    main()
