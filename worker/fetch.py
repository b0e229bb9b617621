"""The first stage: an image's bytes from the store, checked and decoded, within a pixel budget."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageMissing, ImageUnreadable, ObjectNotFound
from roadmask.jobs import Lane
from roadmask.pixels import ImageFacts, decode_sniffed, sniff
from storage.objects import ObjectStore, image_key
from worker.quarantine import decode_apart
from worker.timings import Timings, timed
from worker.watchdog import Watchdog


class Picture(NamedTuple):
    """An image as a model gets it."""

    pixels: NDArray[np.uint8]
    """RGB uint8 (h, w, 3)."""
    size: tuple[int, int]
    """Its own height and width: a large JPEG is decoded smaller, when a model sees it so anyway."""


class PixelBudget:
    """At most `pixels` pixels in hand, from before they are decoded until their mask is stored."""

    def __init__(self, pixels: int) -> None:
        self._left = pixels
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for `pixels` more, and occupy it inside the `with`."""
        # One waits at a time: else small images would slip past a large one for ever.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()


class Fetcher:
    """Fetches and decodes, for each lane at most `entrances` images at a time.

    So many are compressed bytes in memory, and one image of the largest size, or many smaller ones,
    may be pixels. Each lane has room of its own: an urgent image waits for none of a batch.
    """

    def __init__(
        self, store: ObjectStore, max_pixels: int, entrances: int, watchdog: Watchdog
    ) -> None:
        self._store = store
        self._max_pixels = max_pixels
        self._watchdog = watchdog
        self._entrances = {lane: threading.BoundedSemaphore(entrances) for lane in Lane}
        self._budgets = {lane: PixelBudget(max_pixels) for lane in Lane}

    def fetch(
        self,
        sha256: str,
        lane: Lane,
        timings: Timings,
        apart: bool,
        room: ExitStack,
        input_size: Callable[[int, int], tuple[int, int]],
    ) -> Picture:
        """The picture; its share of the budget is held until `room` closes.

        A JPEG may be decoded smaller, but not below the `input_size` of its height and width; a
        mask of its own size is made of it, so its share is what it would be whole. With `apart` it
        is decoded in a disposable process. Raises `ItemError`, `UnsupportedFormat` or
        `StoreUnavailable`.
        """
        with self._entrances[lane]:
            with timed(timings, "fetch"):
                data = self._bytes(sha256)
            facts = sniff(data, self._max_pixels)
            room.enter_context(self._budgets[lane].hold(facts.width * facts.height))
            size = facts.height, facts.width
            with timed(timings, "decode"):
                return Picture(self._decode(data, facts, input_size(*size), apart), size)

    def _decode(
        self, data: bytes, facts: ImageFacts, least: tuple[int, int], apart: bool
    ) -> NDArray[np.uint8]:
        if apart:
            # Below the watchdog's limit, so that the image is blamed and not the process.
            return decode_apart(data, self._max_pixels, least, 0.8 * self._watchdog.limit_s)
        with self._watchdog.watch("Decoding an image"):
            return decode_sniffed(data, facts, self._max_pixels, least)

    def _bytes(self, sha256: str) -> bytes:
        try:
            data = self._store.get(image_key(sha256))
        except ObjectNotFound:
            raise ImageMissing(
                "The image's bytes are no longer in the object store. Upload it again."
            ) from None
        # JPEG decoders do not notice flipped bits.
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ImageUnreadable("The stored bytes changed since the upload. Upload it again.")
        return data
