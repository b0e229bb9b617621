"""The client for code that blocks: each call of `roadmask.client.api`, run to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import httpx
import numpy as np
from numpy.typing import NDArray

from roadmask.client.api import Api
from roadmask.client.calls.job_request import JobOptions
from roadmask.client.sources import Source
from roadmask.client.sse import BEGINNING
from roadmask.client.sync_transport import SyncTransport, iter_sync, run_sync
from roadmask.errors import RoadmaskError
from roadmask.images.labels.label_option import LabelOption
from roadmask.schemas.events import Event
from roadmask.schemas.images import CatalogueEntry, Dataset, Image
from roadmask.schemas.jobs import ImageRef, Item, ItemState, Job, JobCreate, JobState, Lane
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.models import Deployment, Model, ModelList
from roadmask.schemas.ownership.erasures import ErasedKind, Erasure
from roadmask.schemas.ownership.sharing import SharedKind, Sharing
from roadmask.schemas.pixels import Pixels
from roadmask.schemas.service import ServiceStatus
from roadmask.schemas.webhooks import Delivery


class Client:
    """A connection to a Roadmask service; safe to share between threads and with forked processes.

    `base_url` and `api_key` default to the environment variables `ROADMASK_URL` and
    `ROADMASK_API_KEY`. `timeout` is the longest silence of one request, in seconds. `patience` is
    how long idempotent calls are retried while the service does not answer, in seconds. Errors of
    the service are raised as the classes of `roadmask.errors`.
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
        self.api = Api(SyncTransport(base_url, api_key, timeout, patience, transport))

    @property
    def base_url(self) -> str:
        """The URL of the service."""
        return self.api.transport.base_url

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        run_sync(self.api.close())

    def service(self) -> ServiceStatus:
        """The service's version, load and limits."""
        return run_sync(self.api.service())

    def datasets(self) -> list[Dataset]:
        """The datasets of catalogued images."""
        return run_sync(self.api.datasets())

    def models(self) -> ModelList:
        """All models, and the history of promotions and rollbacks."""
        return run_sync(self.api.models())

    def push_model(self, folder: str | Path) -> Model:
        """Publish the artifact in a folder. Needs a key with the scope `admin`.

        Raises `ModelNotFound` without an artifact, `HashMismatch` for a damaged one, and
        `Conflict` if the version was published with another card."""
        return run_sync(self.api.push_model(folder))

    def promote_model(self, model: str, *, wait: float = 60) -> Deployment:
        """Put a published version into service when all workers have loaded it, within `wait`
        seconds; with 0 at once. Needs a key with the scope `admin`.

        Raises `ModelNotFound`, `ModelFailed` if a worker cannot load it, and `Unavailable` when
        the time is over; then nothing is changed."""
        return run_sync(self.api.promote_model(model, wait=wait))

    def roll_back_model(self) -> Deployment:
        """Put the previous version back into service. Needs a key with the scope `admin`.

        Raises `Conflict` if there is none."""
        return run_sync(self.api.roll_back_model())

    def upload(self, source: Source) -> Image:
        """Upload an image; its bytes are sent only if the service does not have them."""
        return run_sync(self.api.upload(source))

    def put_image(self, sha256: str, body: bytes | Path) -> Image:
        """Upload bytes whose sha256 is known; a file is streamed. Raises `HashMismatch`."""
        return run_sync(self.api.put_image(sha256, body))

    def put_images(self, files: Sequence[bytes]) -> list[Image | RoadmaskError]:
        """Upload small files in one request: for each its image, or why it is refused.

        Raises the error itself if the only file is refused."""
        return run_sync(self.api.put_images(files))

    def put_truth(self, png: bytes, labels: LabelOption | str | None = None) -> str:
        """Upload an annotated mask, a PNG of `encode_mask`, and return its sha256.

        With `labels`, a label set or the path of a JSON file, it is a mask file of that label set,
        and its categories are uploaded. Raises `InvalidRequest` for labels that the set has not."""
        return run_sync(self.api.put_truth(png, labels))

    def missing(self, sha256s: Sequence[str], kind: str = "images") -> set[str]:
        """Those of the sha256s (10,000 at most) whose bytes the service does not have.

        `kind` is `images` or `truths`."""
        return run_sync(self.api.missing(sha256s, kind))

    def image(self, image_id: str) -> Image:
        """What the service knows of an image. Raises `ImageNotFound`."""
        return run_sync(self.api.image(image_id))

    def images(
        self,
        *,
        dataset: str | None = None,
        prefix: str | None = None,
        q: str | None = None,
        truth: bool | None = None,
    ) -> Iterator[Image]:
        """Images in the order of their ids: those of a `dataset`, those whose id begins with
        `prefix` or contains `q`, those with or without an annotated mask (`truth`)."""
        return iter_sync(self.api.images(dataset=dataset, prefix=prefix, q=q, truth=truth))

    def register(self, dataset: str, entries: Iterable[CatalogueEntry]) -> None:
        """Add uploaded images to a dataset. An entry replaces one of the same name."""
        return run_sync(self.api.register(dataset, entries))

    def submit(
        self,
        images: str | ImageRef | Iterable[str | ImageRef] | None = None,
        *,
        files: Source | Iterable[Source] | None = None,
        idempotency_key: str | None = None,
        wait: float = 0,
        **request: Unpack[JobOptions],
    ) -> Job:
        """Create a job for `images` (ids), `files` (uploaded first), a `dataset` or a `prefix`.

        With `wait`, the call returns when the job has ended, after `wait` seconds at the latest.
        The other arguments are members of `JobCreate`: `name`, `model`, `quality`, `pixels`,
        `lane`, `confidence`, `error_threshold`, `deadline_s` and `webhook`. Raises `InvalidRequest`
        for a wrong one."""
        return run_sync(
            self.api.submit(
                images, files=files, idempotency_key=idempotency_key, wait=wait, **request
            )
        )

    def create(
        self, request: JobCreate, idempotency_key: str | None = None, *, wait: float = 0
    ) -> Job:
        """Create a job. Requests with the same key return the same job, so that a retry after a
        lost answer creates no second job. Without a key, this call generates one."""
        return run_sync(self.api.create(request, idempotency_key, wait=wait))

    def job(self, job: Job | str, *, wait: float = 0) -> Job:
        """The current state of a job, or with `wait` its state when it has ended, after `wait`
        seconds at the latest. Raises `JobNotFound`."""
        return run_sync(self.api.job(job, wait=wait))

    def jobs(
        self,
        state: JobState | None = None,
        lane: Lane | None = None,
        *,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """The jobs, newest first: all of them, or the first `limit`."""
        return iter_sync(self.api.jobs(state, lane, limit=limit))

    def wait(
        self,
        job: Job | str,
        timeout: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until a job has ended. Raises `TimeoutError` after `timeout` seconds; the job
        goes on. `on_progress` is called with the job about once a second."""
        return run_sync(self.api.wait(job, timeout, on_progress))

    def events(self, job: Job | str, last_id: str = BEGINNING) -> Iterator[Event]:
        """All events of a job after `last_id`, past ones first, until it ends. Reconnects
        after a lost connection."""
        return iter_sync(self.api.events(job, last_id))

    def cancel(self, job: Job | str) -> Job:
        """Cancel a job; finished masks are kept."""
        return run_sync(self.api.cancel(job))

    def retry(self, job: Job | str) -> Job:
        """Run the failed items of an ended job again. Raises `JobClosed`."""
        return run_sync(self.api.retry(job))

    def item(self, job: Job | str, index: int) -> Item:
        """One item of a job. Raises `ItemNotFound`."""
        return run_sync(self.api.item(job, index))

    def results(self, job: Job | str, *, state: ItemState | str | None = None) -> Iterator[Item]:
        """The items of a job in order, or only those in a `state`, such as `failed`."""
        return iter_sync(self.api.results(job, state=state))

    def mask(self, item: Item) -> NDArray[np.uint8]:
        """The item's mask: category indices, uint8, shape (height, width)."""
        return run_sync(self.api.mask(item))

    def mask_bytes(self, item: Item) -> bytes:
        """The item's mask as an indexed PNG, fetched from its signed URL.

        Raises `MaskNotFound` for an item without a mask, and `LinkExpired` when the URL is no
        longer valid: read the item again."""
        return run_sync(self.api.mask_bytes(item))

    def rendering(self, job: Job | str, index: int, format: MaskFormat | str) -> bytes:
        """The mask of a job's item in one of the formats of `MaskFormat`.

        Raises `InvalidRequest` for another format, `MaskNotFound`, and `ConfidenceNotFound` when
        no job with `confidence` has segmented the image."""
        return run_sync(self.api.rendering(job, index, format))

    def masks(self, job: Job | str, start: int, stop: int) -> list[tuple[Item, bytes | None]]:
        """The items from `start` to `stop` (exclusive), each with its mask as an indexed PNG, or
        None without a mask: many small masks in one response. Raises `JobNotFound`."""
        return run_sync(self.api.masks(job, start, stop))

    def annotations(
        self, job: Job | str, format: MaskFormat | str = MaskFormat.COCO
    ) -> Iterator[bytes]:
        """All finished masks of a job in one document, in blocks as they are made.

        `format` is `coco` or `labelstudio` (JSON), or `cvat` (XML). Raises `JobNotFound`,
        `InvalidRequest` for another format, and `ServiceUnreachable` when it breaks off."""
        return iter_sync(self.api.annotations(job, format))

    def webhook_deliveries(self, job: Job | str) -> list[Delivery]:
        """The deliveries of a job's webhook, newest first; none while the job is open."""
        return run_sync(self.api.webhook_deliveries(job))

    def replay_webhook(self, job: Job | str) -> Delivery:
        """Send the webhook of an ended job again. Raises `DeliveryNotFound`."""
        return run_sync(self.api.replay_webhook(job))

    def share(self, kind: SharedKind, name: str, sharing: Sharing) -> Sharing:
        """Let these keys, and no others, read a job or a dataset of this key."""
        return run_sync(self.api.share(kind, name, sharing))

    def sharing(self, kind: SharedKind, name: str) -> Sharing:
        """The keys that may read a job or a dataset of this key."""
        return run_sync(self.api.sharing(kind, name))

    def erase(self, kind: ErasedKind, name: str) -> Erasure:
        """Delete an image, truth, dataset or job for ever, with all that was made of it.

        `name` is an id, the name of a dataset or the sha256 of a truth."""
        return run_sync(self.api.erase(kind, name))

    def segment(
        self,
        source: Source,
        *,
        model: str = "default",
        quality: Quality = "standard",
        pixels: Pixels | None = None,
        timeout: float | None = None,
    ) -> tuple[NDArray[np.uint8], Item]:
        """The mask of one image, uint8, shape (height, width), and its item. Raises the item's
        error when it failed, and `TimeoutError` after `timeout` seconds."""
        return run_sync(
            self.api.segment(source, model=model, quality=quality, pixels=pixels, timeout=timeout)
        )

    def artifact(self, model: str = "default") -> str | None:
        """The model version that a new job with this `model` gets, as `name@version`. None while
        no worker is alive, or workers have different versions."""
        return run_sync(self.api.artifact(model))

    def fetch(self, url: str) -> bytes:
        """The object behind a signed URL of the service. Raises `LinkExpired`."""
        return run_sync(self.api.fetch(url))

    def get(self, path: str, /, **params: str | int) -> Any:
        """The JSON at a path of the service."""
        return run_sync(self.api.get(path, **params))

    def post(
        self,
        path: str,
        json: Any = None,
        *,
        idempotency_key: str | None = None,
        idempotent: bool = False,
    ) -> Any:
        """The JSON that a POST returns. It is retried only with a key, or when `idempotent`."""
        return run_sync(
            self.api.post(path, json, idempotency_key=idempotency_key, idempotent=idempotent)
        )
