"""The client for code that blocks: each call of `roadmask.calls`, run to its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import httpx
import numpy as np
from numpy.typing import NDArray

from roadmask.blocking import BlockingTransport, each, finish
from roadmask.calls import Calls, JobOptions
from roadmask.event import Event
from roadmask.events import BEGINNING
from roadmask.image_calls import Source
from roadmask.images import CatalogueEntry, Image
from roadmask.jobs import ImageRef, Item, ItemState, Job, JobCreate, JobState, Lane
from roadmask.mask_formats import MaskFormat
from roadmask.webhooks import Delivery

if TYPE_CHECKING:
    from roadmask.outcomes import FileResult


class Client:
    """A connection to a Roadmask service; safe to share between threads.

    `base_url` and `api_key` default to the environment's `ROADMASK_URL` and `ROADMASK_API_KEY`.
    `timeout` is how long one request may stay silent, `patience` how long calls that may safely
    be repeated are tried again while the service is out of reach, both in seconds. Errors of the
    service are raised as the classes of `roadmask.errors`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        way = BlockingTransport(base_url, api_key, timeout, patience, transport)
        self.calls: Calls = Calls(way)

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self.calls.transport.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        finish(self.calls.close())

    def upload(self, source: Source) -> Image:
        """Make the image known to the service; its bytes travel only when it lacks them."""
        return finish(self.calls.upload(source))

    def put_image(self, sha256: str, body: bytes | Path) -> Image:
        """Upload bytes whose sha256 is known; a file is streamed. Raises `HashMismatch`."""
        return finish(self.calls.put_image(sha256, body))

    def put_truth(self, png: bytes) -> str:
        """Upload an annotated mask, a canonical PNG of `encode_mask`; returns its sha256."""
        return finish(self.calls.put_truth(png))

    def missing(self, sha256s: Sequence[str], kind: str = "images") -> set[str]:
        """Those of the sha256s (at most 10,000) whose bytes the service does not have.

        `kind` is `images` or `truths`."""
        return finish(self.calls.missing(sha256s, kind))

    def image(self, image_id: str) -> Image:
        """What the service knows of an image. Raises `ImageNotFound`."""
        return finish(self.calls.image(image_id))

    def images(
        self,
        *,
        dataset: str | None = None,
        prefix: str | None = None,
        q: str | None = None,
        truth: bool | None = None,
    ) -> Iterator[Image]:
        """Images in id order: of a `dataset`, with ids that begin with `prefix` or hold `q`,
        with or without annotated masks (`truth`)."""
        return each(self.calls.images(dataset=dataset, prefix=prefix, q=q, truth=truth))

    def register(self, dataset: str, entries: Iterable[CatalogueEntry]) -> None:
        """Put uploaded images into a dataset; an entry of the same name is replaced."""
        return finish(self.calls.register(dataset, entries))

    def submit(
        self,
        images: Iterable[str | ImageRef] | None = None,
        *,
        files: Iterable[Source] | None = None,
        idempotency_key: str | None = None,
        wait: float = 0,
        **request: Unpack[JobOptions],
    ) -> Job:
        """Ask for masks of `images` (ids), of `files` (uploaded first), a `dataset` or a `prefix`.

        It comes as it is then, or once it ended or `wait` seconds passed. `JobCreate` also has
        `name`, `model`, `lane`, `confidence`, `error_threshold`, `deadline_s` and `webhook`."""
        key = idempotency_key
        ask = self.calls.submit(images, files=files, idempotency_key=key, wait=wait, **request)
        return finish(ask)

    def create(
        self, request: JobCreate, idempotency_key: str | None = None, *, wait: float = 0
    ) -> Job:
        """Hand a request in. The same key yields the same job, so a lost answer does no harm;
        without one a key is made for this call."""
        return finish(self.calls.create(request, idempotency_key, wait=wait))

    def job(self, job: Job | str, *, wait: float = 0) -> Job:
        """The job as it is now, or once it ended or `wait` seconds passed. Raises `JobNotFound`."""
        return finish(self.calls.job(job, wait=wait))

    def jobs(self, state: JobState | None = None, lane: Lane | None = None) -> Iterator[Job]:
        """All jobs, newest first."""
        return each(self.calls.jobs(state, lane))

    def wait(
        self,
        job: Job | str,
        timeout: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """The job once it ended. Raises `TimeoutError` after `timeout` seconds; the job goes on."""
        return finish(self.calls.wait(job, timeout, on_progress))

    def events(self, job: Job | str, last_id: str = BEGINNING) -> Iterator[Event]:
        """What happened and happens to the job until it ends; lost connections are made again."""
        return each(self.calls.events(job, last_id))

    def cancel(self, job: Job | str) -> Job:
        """Stop a job; finished masks are kept."""
        return finish(self.calls.cancel(job))

    def retry(self, job: Job | str) -> Job:
        """Run the failed items of an ended job again. Raises `JobClosed`."""
        return finish(self.calls.retry(job))

    def item(self, job: Job | str, index: int) -> Item:
        """One item of a job. Raises `ItemNotFound`."""
        return finish(self.calls.item(job, index))

    def results(self, job: Job | str, *, state: ItemState | str | None = None) -> Iterator[Item]:
        """The job's items in order; `state="failed"` gives only those."""
        return each(self.calls.results(job, state=state))

    def mask(self, item: Item) -> NDArray[np.uint8]:
        """The item's mask: category indices, uint8, shape (height, width)."""
        return finish(self.calls.mask(item))

    def mask_bytes(self, item: Item) -> bytes:
        """The item's mask as an indexed PNG, through its signed URL.

        Raises `MaskNotFound` for an item without a mask, `LinkExpired` when the item was read
        too long ago: read it again."""
        return finish(self.calls.mask_bytes(item))

    def rendering(self, job: Job | str, index: int, form: MaskFormat | str) -> bytes:
        """The mask of a job's item in one of the forms of `roadmask.mask_formats.MaskFormat`.

        Raises `InvalidRequest` for another form, `MaskNotFound`, and `ConfidenceNotFound` where no
        job with `confidence` had the image."""
        return finish(self.calls.rendering(job, index, form))

    def masks(self, job: Job | str, start: int, stop: int) -> list[tuple[Item, bytes | None]]:
        """The items from `start` to `stop` (exclusive) and the mask of each as an indexed PNG,
        None where it has none: many small masks in one answer. Raises `JobNotFound`."""
        return finish(self.calls.masks(job, start, stop))

    def annotations(
        self, job: Job | str, form: MaskFormat | str = MaskFormat.COCO
    ) -> Iterator[bytes]:
        """All finished masks of a job in one document, in blocks as they are made.

        `form` is `coco` or `labelstudio` (JSON), or `cvat` (XML). Raises `JobNotFound`,
        `InvalidRequest` for another form, and `ServiceUnreachable` when it breaks off."""
        return each(self.calls.annotations(job, form))

    def webhook_deliveries(self, job: Job | str) -> list[Delivery]:
        """What the job's webhook was told, the newest first; none as long as the job is open."""
        return finish(self.calls.webhook_deliveries(job))

    def replay_webhook(self, job: Job | str) -> Delivery:
        """Tell the job's webhook of its end once more. Raises `DeliveryNotFound`."""
        return finish(self.calls.replay_webhook(job))

    def segment(
        self, source: Source, *, model: str = "default", timeout: float | None = None
    ) -> tuple[NDArray[np.uint8], Item]:
        """The mask of one image, and its item. Raises the item's error when it failed, and
        `TimeoutError` after `timeout` seconds."""
        return finish(self.calls.segment(source, model=model, timeout=timeout))

    def artifact(self, model: str = "default") -> str | None:
        """`name@version` of what a new job gets as `model`; None while that is not certain."""
        return finish(self.calls.artifact(model))

    def fetch(self, url: str) -> bytes:
        """What a signed URL of the service leads to. Raises `LinkExpired`."""
        return finish(self.calls.fetch(url))

    def get(self, path: str, /, **params: str | int) -> Any:
        """The JSON under a path of the service."""
        return finish(self.calls.get(path, **params))

    def post(
        self,
        path: str,
        json: Any = None,
        *,
        idempotency_key: str | None = None,
        repeatable: bool = False,
    ) -> Any:
        """The JSON that a POST yields; sent again on failure only with a key or `repeatable`."""
        return finish(
            self.calls.post(path, json, idempotency_key=idempotency_key, repeatable=repeatable)
        )

    def segment_folder(
        self,
        folder: str | Path,
        out: str | Path,
        *,
        form: str = "png",
        model: str = "default",
        confidence: str | Path | None = None,
    ) -> Generator[FileResult]:
        """Masks of all images below `folder` into the same tree below `out`, as they finish.

        Resumes where an earlier run stopped; `form`, `model` and `confidence` are those of
        `roadmask.batch.Batch`, which also says what is raised."""
        from roadmask.batch import Batch

        sure = None if confidence is None else Path(confidence)
        return Batch(self, Path(folder), Path(out), form=form, model=model, confidence=sure).run()
