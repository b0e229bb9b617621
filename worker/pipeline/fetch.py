"""The first stage: fetch an image from the store, check it and decode it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageMissing, ImageUnreadable, ObjectNotFound
from roadmask.hashing import sha256_of
from roadmask.images.decoding import Decoded, decode_sniffed
from roadmask.images.facts import ImageFacts
from roadmask.images.sniffing import sniff
from roadmask.schemas.jobs import Lane
from roadmask.schemas.pixels import AS_STORED
from storage.catalogue.catalogue import ReportDamaged
from storage.objects.keys import image_key
from storage.objects.store import ObjectStore
from worker.background.watchdog import Watchdog
from worker.pipeline.image_task import ImageTask
from worker.pipeline.sandbox import Sandbox
from worker.pipeline.timings import timed

InputSize = Callable[[int, int], tuple[int, int]]
"""Maps the (height, width) of an image to the smallest (height, width) that the model needs."""


class DecodedImage(NamedTuple):
    """An image as the model gets it."""

    pixels: NDArray[np.uint8]
    """RGB uint8 (h, w, 3), smaller than `size` where a JPEG was decoded at a reduced scale."""
    size: tuple[int, int]
    """(height, width) of the image, which its mask will have."""


class PixelBudget:
    """Limits how many pixels are in memory at once to `limit`."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._next = threading.Lock()
        """Held by the one thread that waits."""
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until `pixels` are free, and reserve them until the `with` block ends."""
        # Only one thread waits at a time: otherwise small images could overtake large ones forever.
        with self._next, self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


class Fetcher:
    """Fetches and decodes up to `concurrency` images at a time in each lane.

    This bounds memory: `concurrency` compressed images and `max_pixels` decoded pixels, which is
    one image of the largest size or several smaller ones. Lanes have separate limits, so that an
    interactive image never waits for the images of a batch job.
    """

    def __init__(
        self,
        store: ObjectStore,
        max_pixels: int,
        concurrency: int,
        watchdog: Watchdog,
        sandbox: Sandbox,
        report_damaged: ReportDamaged,
    ) -> None:
        self._store = store
        self._report_damaged = report_damaged
        self._max_pixels = max_pixels
        self._watchdog = watchdog
        self._sandbox = sandbox
        self._semaphores = {lane: threading.BoundedSemaphore(concurrency) for lane in Lane}
        self._budgets = {lane: PixelBudget(max_pixels) for lane in Lane}

    def fetch(self, task: ImageTask, input_size: InputSize) -> DecodedImage:
        """Fetch and decode the task's image, and reserve its pixels in `task.reservation`.

        A JPEG may be decoded at a reduced scale, but not below its `input_size`. Its reservation is
        that of the full size, because its mask has the full size. Raises `ItemError`,
        `UnsupportedFormat` or `StoreUnavailable`.
        """
        with self._semaphores[task.lane]:
            with timed(task.timings, "fetch"):
                data = self._read(task.item.sha256)
            size, facts = self._sniff(task, data)
            budget = self._budgets[task.lane]
            task.reservation.enter_context(budget.reserve(size[0] * size[1]))
            with timed(task.timings, "decode"):
                decoded = self._decode(task, data, facts, input_size(*size))
            task.warnings += decoded.warnings
            return DecodedImage(decoded.pixels, size)

    def _sniff(self, task: ImageTask, data: bytes) -> tuple[tuple[int, int], ImageFacts | None]:
        """(height, width) of the image, and its facts; None for an isolated image."""
        if task.isolated:
            return self._sandbox.size(data), None
        with self._watchdog.watch("Decoding", [task]):
            facts = sniff(data, self._max_pixels)
            return (facts.height, facts.width), facts

    def _decode(
        self, task: ImageTask, data: bytes, facts: ImageFacts | None, min_size: tuple[int, int]
    ) -> Decoded:
        pixels = task.parameters.pixels or AS_STORED
        if facts is None or facts.needs_sandbox:
            return self._sandbox.decode(data, min_size, pixels)
        with self._watchdog.watch("Decoding", [task]):
            return decode_sniffed(data, facts, self._max_pixels, min_size, pixels)

    def _read(self, sha256: str) -> bytes:
        try:
            data = self._store.get(image_key(sha256))
        except ObjectNotFound:
            self._report_damaged("images", sha256)
            raise ImageMissing(
                "The image is no longer in the object store. Upload it again."
            ) from None
        # JPEG decoders do not detect flipped bits.
        if sha256_of(data) != sha256:
            self._report_damaged("images", sha256)
            raise ImageUnreadable("The stored image changed after its upload. Upload it again.")
        return data
