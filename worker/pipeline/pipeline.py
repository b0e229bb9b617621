"""The pipeline: one image's way from bytes in the store to a mask in the store.

    fetch and decode  |  micro-batch and infer  |  encode and store

Each image occupies one thread from start to end, so the code reads from top to bottom. Images meet
only in the inference queue, whose threads run the model. While one image is inferred, others are
fetched or stored, so the model never waits for a disk. `LaneLimits` bounds the images in the
pipeline, `PixelBudget` the decoded pixels.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import DeadlineExceeded
from roadmask.masks.scores import scores
from roadmask.schemas.jobs import Lane, Result
from roadmask.schemas.mask_parameters import MaskParameters
from storage.jobs.manifest import ManifestItem
from storage.masks.facts import MaskFacts
from storage.objects.keys import mask_keys
from worker.background.singleflight import SingleFlight
from worker.models.loaded import LoadedModels
from worker.pipeline.fetch import Fetcher
from worker.pipeline.image_task import ImageTask
from worker.pipeline.inference import InferenceRunner
from worker.pipeline.inference_queue import Prediction
from worker.pipeline.mask_store import MaskStore


class Segmentation(NamedTuple):
    """The outcome of a task whose mask is stored."""

    result: Result
    confusion: NDArray[np.int64] | None
    """Confusion matrix, int64 (8, 8), of the mask and its truth; None without a truth."""


class Pipeline:
    """Finds or makes masks. Threads that need the same mask at the same time share one inference.

    Between workers, the flights of `storage.jobs.leases` prevent a second inference.
    """

    def __init__(
        self,
        models: LoadedModels,
        fetcher: Fetcher,
        inference: InferenceRunner,
        masks: MaskStore,
        item_deadline_s: float,
    ) -> None:
        self._models = models
        self._fetcher = fetcher
        self._inference = inference
        self._masks = masks
        self._item_deadline_s = item_deadline_s
        self._single_flight: SingleFlight[tuple[MaskFacts, bool]] = SingleFlight()

    def task(
        self,
        item: ManifestItem,
        model: str,
        lane: Lane,
        parameters: MaskParameters,
        *,
        with_confidence: bool = False,
        isolated: bool = False,
        job_id: str = "",
        index: int = 0,
    ) -> ImageTask:
        """The task to segment an item with a model.

        Raises `ModelNotFound`, `StoreUnavailable`, and `InvalidRequest` if the model lacks the
        quality.
        """
        artifact = self._models.find(model)
        in_key = dict(self._models.parameters(artifact, parameters))
        if parameters.pixels is not None:
            in_key["pixels"] = parameters.pixels.given()
        keys = mask_keys(item.sha256, artifact.sha256, in_key)
        return ImageTask(
            item, artifact, keys, lane, parameters, with_confidence, isolated, job_id, index
        )

    @property
    def lookups(self) -> int:
        """How many parallel calls of `find` make a search faster; 1 for a local store."""
        return self._masks.lookups

    def find(self, task: ImageTask) -> Segmentation | None:
        """The result of `segment`, or None if that needs decoding or inference.

        Raises `StoreUnavailable`.
        """
        facts = self._masks.find(task)
        truth = task.item.truth
        if facts is None or (truth is not None and truth not in facts.confusions):
            return None
        return self._segmentation(task, facts, cached=True)

    def segment(self, task: ImageTask) -> Segmentation:
        """Find or make the mask of a task.

        Raises `ItemError` or `UnsupportedFormat` for an image at fault, and `StoreUnavailable`.
        """

        def find_or_make() -> tuple[MaskFacts, bool]:
            facts = self._masks.find(task)
            if facts is not None:
                return facts, True
            return self._make(task), False

        key = (task.keys, task.with_confidence)
        (facts, found), ran_here = self._single_flight.run(key, find_or_make)
        return self._segmentation(task, facts, cached=found or not ran_here)

    def _segmentation(self, task: ImageTask, facts: MaskFacts, *, cached: bool) -> Segmentation:
        confusion = self._masks.score(task, facts)
        result = Result(
            mask_key=task.keys.png,
            mask_sha256=facts.stored_mask.sha256 if facts.stored_mask else None,
            mask_bytes=facts.stored_mask.size if facts.stored_mask else None,
            width=facts.width,
            height=facts.height,
            shares=facts.shares,
            artifact=facts.artifact,
            cached=cached,
            **task.parameters.given(),
            timings_ms={} if cached else facts.timings_ms,
            confidence=facts.confidence,
            warnings=facts.warnings,
            scores=None if confusion is None else scores(confusion, images=1),
        )
        return Segmentation(result, confusion)

    def _make(self, task: ImageTask) -> MaskFacts:
        if (facts := self._masks.put_unstored(task)) is not None:
            return facts
        # Loading may take a while, so it precedes the reservation, which other images need.
        predictor = self._inference.predictor(task.artifact, [task])
        with task.reservation:
            with self._inference.announce():
                size = predictor.at(task.parameters.quality).input_size
                image = self._fetcher.fetch(task, size)
                waiting = self._inference.submit(task, predictor, image)
            # Now only the queue refers to the pixels: they are freed as soon as the mask exists.
            del image
            return self._masks.put(task, self._wait(task, waiting))

    def _wait(self, task: ImageTask, waiting: Future[Prediction]) -> Prediction:
        # Only an isolated image can be blamed for a delay, because others share batches.
        if not task.isolated:
            return waiting.result()
        task.inferring.wait()
        # Shorter than the limit of the watchdog, which would end the process.
        seconds = 0.8 * self._item_deadline_s
        try:
            return waiting.result(timeout=seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The model took more than {seconds:g} s for this image alone. Scale it down."
            ) from None
