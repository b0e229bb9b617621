"""Inference threads with a tiny model, and images for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np

from roadmask.schemas.jobs import Lane
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from storage.jobs.manifest import ManifestItem
from storage.objects.keys import mask_keys
from tests.harness.worker.tiny_model import TinyArtifact
from worker.background.watchdog import Watchdog
from worker.models.loaded import LoadedModels
from worker.pipeline.batch_size import BatchSizer
from worker.pipeline.fetch import DecodedImage
from worker.pipeline.image_task import ImageTask
from worker.pipeline.inference import InferenceRunner
from worker.pipeline.inference_queue import Prediction

UNLIMITED_S = 1e6
"""A target duration that any batch stays below."""
MAX_BATCH = 8


def refuse_to_exit() -> None:
    """Stands for the end of the process in a watchdog that watches the process of the tests."""
    raise AssertionError("the watchdog would have ended this process")


def harmless_watchdog() -> Watchdog:
    """A watchdog for the process of the tests."""
    return Watchdog(60, refuse_to_exit)


def decoded(value: int = 200) -> DecodedImage:
    """An image of 4 x 6 pixels, all of this value."""
    return DecodedImage(np.full((4, 6, 3), value, np.uint8), (4, 6))


def task(
    sha256: str = "",
    lane: Lane = Lane.BATCH,
    artifact: TinyArtifact | None = None,
    *,
    quality: Quality = "standard",
    with_confidence: bool = False,
) -> ImageTask:
    artifact = artifact or TinyArtifact()
    item = ManifestItem(f"sha256-{sha256}", None, sha256, None)
    keys = mask_keys(sha256, artifact.sha256, {})
    asked = MaskParameters(quality=quality)
    return ImageTask(item, artifact, keys, lane, asked, with_confidence, isolated=False)


def submit(
    inference: InferenceRunner,
    image: DecodedImage,
    lane: Lane = Lane.BATCH,
    artifact: TinyArtifact | None = None,
    *,
    quality: Quality = "standard",
    with_confidence: bool = False,
) -> Future[Prediction]:
    """Load the model of an image and queue the image."""
    image_task = task(
        lane=lane, artifact=artifact, quality=quality, with_confidence=with_confidence
    )
    return inference.submit(image_task, inference.predictor(image_task.artifact), image)


@contextmanager
def running_inference(
    models: LoadedModels, watchdog: Watchdog | None = None, threads: int = 1
) -> Iterator[InferenceRunner]:
    batch_sizer = BatchSizer(MAX_BATCH, target_s=UNLIMITED_S)
    inference = InferenceRunner(models, batch_sizer, watchdog or harmless_watchdog(), threads)
    inference.start()
    yield inference
    inference.stop()
