"""`python -m benchmarks.engines`: speed and accuracy of every engine.

On each set of images the engines are measured interleaved, in full batches and on single images,
with the same resizing before and after. Their masks are compared with those of Keras in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import pictures
from benchmarks.harness.peak import measure_peak
from benchmarks.harness.section import Section, median_and_range, options
from benchmarks.harness.stock_keras import stock_keras
from ml.data.samples import annotated_samples, dataset_name, read_pair
from ml.engines.choice import choose
from ml.engines.engine import BATCH
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter
from ml.networks.cost import multiply_adds
from ml.registry.artifact import Artifact, find_artifact
from ml.tuning.trials import agreement, measure_speed, pooled_iou
from ml.tuning.tuner import CANDIDATES
from roadmask.settings import Settings

EXPLANATION = """
From decoded images to masks of their size. `Keras float32`: the loaded model and its `predict`,
with the default settings of TensorFlow. `Keras mixed bfloat16`: the same with that policy of Keras.
`engine …`: the engines of Roadmask. Images/s of full batches; `alone` is the time of a single
image. `times Keras` is the ratio to `Keras float32` within a repeat. `same pixels`: the share of
pixels with the same category as `Keras float32`. Mean IoU is given where there are annotations; it
is of as many images as the cell says, spread evenly over the dataset, and not of the whole dataset.
`times a matrix product`: operations per second of the network's convolutions, over those of a large
matrix product in the same precision on this machine: {peaks}. It may exceed 1. Medians and ranges.
"""
REFERENCE = "Keras float32"
PRECISIONS = {
    REFERENCE: "f32",
    "Keras mixed bfloat16": "bf16",
    "engine keras": "f32",
    "engine openvino-f32": "f32",
    "engine openvino-bf16": "bf16",
    "engine openvino-int8": "int8",
}


@dataclass(frozen=True)
class Images:
    """Images for all engines."""

    name: str
    images: Sequence[NDArray[np.uint8]]
    truths: Sequence[NDArray[np.uint8]] = ()


def scenes(size: str) -> Images:
    """A batch of rendered scenes."""
    return Images(size, [pictures.scene(seed, pictures.parse_size(size)) for seed in range(BATCH)])


def annotated(folder: Path, count: int) -> Images:
    """Up to `count` images of a dataset, spread evenly: neighbours are often video frames."""
    samples = annotated_samples(folder)
    images, truths = zip(*map(read_pair, samples[:: -(-len(samples) // count)]), strict=True)
    name = f"{dataset_name(folder)}, {len(images)} of {len(samples)}"
    return Images(name, images, truths)


def candidates(artifact: Artifact) -> Iterator[tuple[str, Segmenter]]:
    """The engines of this machine by name; the others are reported."""
    yield REFERENCE, stock_keras(artifact, "float32")
    yield "Keras mixed bfloat16", stock_keras(artifact, "mixed_bfloat16")
    for name in CANDIDATES:
        choice = choose(artifact, Settings(), name)
        if choice.engine == name:
            yield f"engine {name}", Predictor(artifact, choice)
        else:
            click.echo(f"{artifact.model_version}: {name} is left out: {choice.why}", err=True)


def measure(
    artifact: Artifact, sets: Sequence[Images], peaks: dict[str, float], repeats: int
) -> Iterator[tuple[str, ...]]:
    """The rows of one artifact."""
    engines = dict(candidates(artifact))
    network = artifact.load_model()
    for given in sets:
        images = given.images[:BATCH]
        batches = measure_speed(engines, images, repeats)
        alone = measure_speed(engines, images[:1], repeats)
        masks = {name: engine.predict(given.images) for name, engine in engines.items()}
        size = artifact.card.input_size.size(*images[0].shape[:2])
        operations = 2 * multiply_adds(network, *size)
        for name, seconds in batches.items():
            rate = len(images) / median(seconds)
            ratios = (a / b for a, b in zip(batches[REFERENCE], seconds, strict=True))
            found = "–"
            if given.truths:
                found = f"{pooled_iou(given.truths, masks[name], artifact.taxonomy):.4f}"
            yield (
                f"`{artifact.model_version}`",
                given.name,
                name,
                median_and_range((len(images) / each for each in seconds), 2),
                median_and_range(1000 * each for each in alone[name]),
                median_and_range(ratios, 2),
                f"{agreement(masks[REFERENCE], masks[name]):.2%}",
                found,
                f"{operations * rate / peaks[PRECISIONS[name]]:.2f}",
            )


@click.command()
@click.option("--model", "models", multiple=True, default=["street_unet", "vgg_unet"])
@click.option("--size", "sizes", multiple=True, default=["480x360", "2048x1024"])
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--images", default=128, show_default=True, help="Maximum number of images of --data."
)
@click.option("--repeats", default=5, show_default=True)
@options
def main(
    models: list[str],
    sizes: list[str],
    data: Path | None,
    images: int,
    repeats: int,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table. int8 needs a model that was tuned with `roadmask tune`."""
    if smoke:
        models, sizes, images, repeats = ["unet_mini"], ["480x360"], 8, 1
    peaks = {name: measure_peak(name, repeats) for name in ("f32", "bf16", "int8")}
    sets = [scenes(size) for size in sizes]
    if data:
        sets.append(annotated(data, images))
    rows = [row for model in models for row in measure(find_artifact(model), sets, peaks, repeats)]
    figures = ", ".join(f"{name} {peak / 1e9:,.0f}" for name, peak in peaks.items())
    head = (
        *("model", "images", "engine", "images/s", "alone, ms", "times Keras"),
        *("same pixels", "mean IoU", "times a matrix product"),
    )
    words = EXPLANATION.format(peaks=f"{figures} billion per second")
    Section("engines", "Engines", words, head, rows).publish(out)


if __name__ == "__main__":
    main()
