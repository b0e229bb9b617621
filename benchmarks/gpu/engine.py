"""`python -m benchmarks.gpu.engine OUT`: the network on one kind of processor, in this process.

The environment chooses: `KERAS_BACKEND` (`tensorflow` or `jax`) and `CUDA_VISIBLE_DEVICES`, which
is empty for the CPU. Keras must be imported before `ml`, which chooses TensorFlow. Writes the masks
of a few scenes, and the images/s for each size of a batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.pictures import parse_size, scene
from ml.inference.segmenter import resize
from ml.inference.upsampling import upsample_mask
from ml.registry.artifact import find_artifact
from ml.registry.card import quality_mode
from roadmask.settings import Settings

Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From a batch of images (B, h, w, 3) to logits (B, h, w, categories)."""


def open_network(model: Any) -> Network:
    """The network as one compiled function of the backend."""
    if keras.backend.backend() == "jax":
        import jax  # type: ignore[import-not-found]

        # The state is an argument, so that it is on the device once.
        weights = [v.value for v in model.trainable_variables]
        fixed = [v.value for v in model.non_trainable_variables]
        run = jax.jit(lambda a, b, images: model.stateless_call(a, b, images, training=False)[0])
        return lambda images: np.asarray(run(weights, fixed, images))
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 3), tf.uint8)]
    compiled = tf.function(lambda images: model(images, training=False), signature)
    return lambda images: compiled(images).numpy()


def device() -> str:
    """The processor that the backend computes on."""
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0])
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(each) for each in found]
    return ", ".join(str(each.get("device_name", "GPU")) for each in details) or "CPU"


def peak_mb() -> float | None:
    """The most memory of the graphics processor that was used, MB."""
    if keras.backend.backend() == "jax":
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        peak = stats.get("peak_bytes_in_use")
    else:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None
    return None if peak is None else peak / 2**20


def rate(network: Network, batch: NDArray[np.uint8], seconds: float) -> float:
    """Images per second."""
    network(batch)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        network(batch)
        count += len(batch)
    return count / (time.perf_counter() - begun)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--size", default="2048x1024", show_default=True)
@click.option("--scenes", default=4, show_default=True)
@click.option("--batch", "batches", type=int, multiple=True, default=[1, 2, 4, 8, 16, 32])
@click.option("--seconds", default=2.0, show_default=True, help="For each size of a batch.")
def main(out: Path, size: str, scenes: int, batches: list[int], seconds: float) -> None:
    """Write `masks.npz` and `facts.json` to OUT."""
    artifact = find_artifact(Settings().model)
    network = open_network(artifact.load_model())
    width, height = parse_size(size)
    inner = quality_mode(artifact.card, "standard").input_size.size(height, width)
    images = [resize(scene(number, (width, height)), inner) for number in range(scenes)]
    answers = np.array(artifact.answers, np.uint8)
    masks = []
    for image in images:
        planes = np.ascontiguousarray(network(image[None])[0].transpose(2, 0, 1)[answers])
        masks.append(upsample_mask(planes.astype(np.float32), height, width, answers))
    rates = {}
    for count in batches:
        batch = np.stack([images[n % scenes] for n in range(count)])
        rates[count] = round(rate(network, batch, seconds), 2)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "masks.npz", *masks)
    facts = {
        "backend": keras.backend.backend(),
        "device": device(),
        "model": str(artifact.model_version),
        "rates": rates,
        "peak_mb": peak_mb(),
    }
    (out / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
