"""`python -m benchmarks.engines`: every way to compute a network, side by side.

On each set of images all engines take turns, in full batches and with one image alone, through the
same resizing before and after; the masks of each are held against those of Keras in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks import pictures
from benchmarks.peak import measure_peak
from benchmarks.section import Section, middle, options
from benchmarks.stock_keras import stock_keras
from ml.artifact import Artifact, find_artifact
from ml.data.samples import annotated_samples, dataset_name, read_pair
from ml.engines.choice import choose
from ml.engines.engine import BATCH
from ml.engines.trials import agreement, measure_speed, pooled_iou
from ml.engines.tuner import CANDIDATES
from ml.models.cost import multiply_adds
from ml.predictor import Predictor
from ml.segmenter import Segmenter
from roadmask.settings import Settings

WORDS = """
Decoded images in, masks of their size out. `Keras float32` is the model as it is loaded, its
`predict` and TensorFlow's own settings; `mixed bfloat16` the same with Keras' policy of that name;
`engine …` are what Roadmask serves with. Images/s of full batches; `alone` is one image by itself.
`times Keras` is taken within a repeat, against `Keras float32`. `same pixels`, of all that the
images have, and mean IoU where there are annotations. `of peak`: the operations of the network's
convolutions at these images/s, over those of a large matrix product in the same precision, measured
here: {peaks}. Medians, and ranges.
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
    """Images that all engines are given."""

    name: str
    images: Sequence[NDArray[np.uint8]]
    truths: Sequence[NDArray[np.uint8]] = ()


def scenes(size: str) -> Images:
    """A batch of rendered scenes."""
    return Images(size, [pictures.scene(seed, pictures.parse_size(size)) for seed in range(BATCH)])


def annotated(folder: Path, count: int) -> Images:
    """At most `count` of a data set, spread over it: neighbours are often frames of one video."""
    samples = annotated_samples(folder)
    images, truths = zip(*map(read_pair, samples[:: -(-len(samples) // count)]), strict=True)
    return Images(dataset_name(folder), images, truths)


def candidates(artifact: Artifact) -> Iterator[tuple[str, Segmenter]]:
    """The engines that this machine has, by name; it is said which ones it has not."""
    yield REFERENCE, stock_keras(artifact, "float32")
    yield "Keras mixed bfloat16", stock_keras(artifact, "mixed_bfloat16")
    for name in CANDIDATES:
        choice = choose(artifact, Settings(), name)
        if choice.engine == name:
            yield f"engine {name}", Predictor(artifact, choice)
        else:
            click.echo(f"{artifact.name}: {name} is left out: {choice.why}", err=True)


def measure(
    artifact: Artifact, sets: Sequence[Images], peaks: dict[str, float], repeats: int
) -> Iterator[tuple[str, ...]]:
    """The lines of the table for one artifact."""
    engines = dict(candidates(artifact))
    network = artifact.load_model()
    for given in sets:
        images = given.images[:BATCH]
        batches = measure_speed(engines, images, repeats)
        alone = measure_speed(engines, images[:1], repeats)
        masks = {name: engine.predict(given.images) for name, engine in engines.items()}
        size = artifact.card.fit.size(*images[0].shape[:2])
        operations = 2 * multiply_adds(network, *size)
        for name, seconds in batches.items():
            rate = len(images) / median(seconds)
            ratios = (a / b for a, b in zip(batches[REFERENCE], seconds, strict=True))
            found = "–"
            if given.truths:
                found = f"{pooled_iou(given.truths, masks[name], artifact.taxonomy):.4f}"
            yield (
                f"`{artifact.name}@{artifact.version}`",
                given.name,
                name,
                middle((len(images) / each for each in seconds), 2),
                middle(1000 * each for each in alone[name]),
                middle(ratios, 2),
                f"{agreement(masks[REFERENCE], masks[name]):.2%}",
                found,
                f"{operations * rate / peaks[PRECISIONS[name]]:.0%}",
            )


@click.command()
@click.option("--model", "models", multiple=True, default=["lite_unet", "vgg_unet"])
@click.option("--size", "sizes", multiple=True, default=["480x360", "2048x1024"])
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=128, show_default=True, help="Of --data, at most.")
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
    """Print the table. int8 is there for models that `roadmask tune` has seen."""
    if smoke:
        models, sizes, images, repeats = ["unet_mini"], ["480x360"], 8, 1
    peaks = {name: measure_peak(name, repeats) for name in ("f32", "bf16", "int8")}
    sets = [scenes(size) for size in sizes]
    if data:
        sets.append(annotated(data, images))
    rows = [row for model in models for row in measure(find_artifact(model), sets, peaks, repeats)]
    told = ", ".join(f"{name} {peak / 1e9:,.0f}" for name, peak in peaks.items())
    head = (
        *("model", "images", "engine", "images/s", "alone, ms", "times Keras"),
        *("same pixels", "mean IoU", "of peak"),
    )
    words = WORDS.format(peaks=f"{told} billion a second")
    Section("engines", "Engines", words, head, rows).publish(out)


if __name__ == "__main__":
    main()
