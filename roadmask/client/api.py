"""The calls of the service's API, written once: coroutines over a transport.

`AsyncClient` offers them as they are, `Client` runs each to its end.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from roadmask.client.answers import AnswerReader, raise_item_error, read_json
from roadmask.client.calls.images import ImageCalls
from roadmask.client.calls.job_request import (
    JobOptions,
    job_body,
    job_part,
    wait_query,
)
from roadmask.client.calls.mask_archive import unpack_masks
from roadmask.client.calls.models import ModelCalls
from roadmask.client.calls.segment_route import SegmentRoute
from roadmask.client.sources import Source, UploadFile, client_names, read_source, sources_of
from roadmask.client.sse import BEGINNING, follow
from roadmask.client.transport import Call, Transport
from roadmask.errors import InvalidRequest, MaskNotFound
from roadmask.masks.codec import decode_mask
from roadmask.schemas.events import Event
from roadmask.schemas.ids import check_image_id
from roadmask.schemas.images import Dataset
from roadmask.schemas.jobs import (
    FINAL_STATES,
    ImageRef,
    Item,
    ItemPage,
    ItemState,
    Job,
    JobCreate,
    JobPage,
    JobState,
    Lane,
)
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.ownership.erasures import ErasedKind, Erasure, erased_path
from roadmask.schemas.ownership.sharing import SharedKind, Sharing, sharing_path
from roadmask.schemas.pixels import Pixels
from roadmask.schemas.service import ServiceStatus
from roadmask.schemas.webhooks import Delivery
from roadmask.schemas.wire import requested

LONGEST_WAIT_S = 20.0
"""Longest single long poll, seconds: shorter than the idle limits of common proxies."""
SHORTEST_POLL_S = 0.2
"""Least time between two polls, seconds, for a service that does not hold requests open."""


class Api(ImageCalls, ModelCalls):
    """The calls of one service. Its errors are raised as classes of `roadmask.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._answers = AnswerReader(transport)
        self._segment_route = SegmentRoute(transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transport.base_url!r})"

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def get(self, path: str, /, **params: str | int) -> Any:
        """The JSON at a path of the service."""
        return read_json(await self.transport.send(Call("GET", path, params)))

    async def post(
        self,
        path: str,
        json: Any = None,
        *,
        idempotency_key: str | None = None,
        idempotent: bool = False,
    ) -> Any:
        """The JSON that a POST returns. It is retried only with a key, or when `idempotent`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        call = Call("POST", path, headers=headers, json=json, idempotent=idempotent)
        return read_json(await self.transport.send(call))

    # The service

    async def service(self) -> ServiceStatus:
        """The service's version, load and limits."""
        return await self._answers.get(ServiceStatus, "/v1/service")

    async def datasets(self) -> list[Dataset]:
        """The datasets of catalogued images."""
        return await self._answers.get_list(Dataset, "/v1/datasets")

    # Jobs

    async def submit(
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
        if files is not None:
            if images is not None:
                raise InvalidRequest("Give `images` or `files`, not both.")
            images = await self._upload_all(sources_of(files))
        if isinstance(images, str | ImageRef):
            images = [images]
        refs = None if images is None else [_image_ref(image) for image in images]
        body = requested(JobCreate, {"images": refs, **request})
        return await self.create(body, idempotency_key, wait=wait)

    async def _upload_all(self, sources: Iterable[Source]) -> list[ImageRef]:
        """Upload one after another, so that only one is in memory."""
        ids, named = [], []
        for source in sources:
            file = await read_source(source, self.transport)
            ids.append((await self._upload(file)).id)
            named.append(UploadFile(file.path or b"", file.name))
        named_ids = zip(ids, client_names(named), strict=True)
        return [ImageRef(id=i, custom_id=name) for i, name in named_ids]

    async def create(
        self, request: JobCreate, idempotency_key: str | None = None, *, wait: float = 0
    ) -> Job:
        """Create a job. Requests with the same key return the same job, so that a retry after a
        lost answer creates no second job. Without a key, this call generates one."""
        body, kind = job_body(request)
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex, "Content-Type": kind}
        timeout = self.transport.timeout + wait
        call = Call("POST", "/v1/jobs", wait_query(wait), headers, None, body, timeout)
        return await self._answers.send(Job, call)

    async def job(self, job: Job | str, *, wait: float = 0) -> Job:
        """The current state of a job, or with `wait` its state when it has ended, after `wait`
        seconds at the latest. Raises `JobNotFound`."""
        timeout = self.transport.timeout + wait
        call = Call("GET", f"/v1/jobs/{job_part(job)}", wait_query(wait), timeout=timeout)
        return await self._answers.send(Job, call)

    async def jobs(
        self, state: JobState | None = None, lane: Lane | None = None, *, limit: int | None = None
    ) -> AsyncGenerator[Job]:
        """The jobs, newest first: all of them, or the first `limit`."""
        filters = {k: str(v) for k, v in (("state", state), ("lane", lane)) if v is not None}
        async for page in self._answers.pages(JobPage, "/v1/jobs", filters, limit):
            for job in page.jobs:
                yield job

    async def wait(
        self,
        job: Job | str,
        timeout: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until a job has ended. Raises `TimeoutError` after `timeout` seconds; the job
        goes on. `on_progress` is called with the job about once a second."""
        deadline = None if timeout is None else time.monotonic() + timeout
        longest = 1.0 if on_progress else LONGEST_WAIT_S
        while True:
            left = longest if deadline is None else deadline - time.monotonic()
            begun = time.monotonic()
            current = await self.job(job, wait=max(0.0, min(left, longest)))
            if on_progress:
                on_progress(current)
            if current.state in FINAL_STATES:
                return current
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Job {current.id} is {current.state} after {timeout:g} s.")
            elapsed = time.monotonic() - begun
            await self.transport.sleep(max(0.0, SHORTEST_POLL_S - elapsed))

    def events(self, job: Job | str, last_id: str = BEGINNING) -> AsyncGenerator[Event]:
        """All events of a job after `last_id`, past ones first, until it ends. Reconnects
        after a lost connection."""
        return follow(self.transport, job_part(job), last_id)

    async def cancel(self, job: Job | str) -> Job:
        """Cancel a job; finished masks are kept."""
        return await self._answers.post(Job, f"/v1/jobs/{job_part(job)}/cancel", idempotent=True)

    async def retry(self, job: Job | str) -> Job:
        """Run the failed items of an ended job again. Raises `JobClosed`."""
        return await self._answers.post(Job, f"/v1/jobs/{job_part(job)}/retry")

    # Items and masks

    async def item(self, job: Job | str, index: int) -> Item:
        """One item of a job. Raises `ItemNotFound`."""
        return await self._answers.get(Item, f"/v1/jobs/{job_part(job)}/items/{index}")

    async def results(
        self, job: Job | str, *, state: ItemState | str | None = None
    ) -> AsyncGenerator[Item]:
        """The items of a job in order, or only those in a `state`, such as `failed`."""
        filters = {} if state is None else {"state": str(state)}
        async for page in self._answers.pages(ItemPage, f"/v1/jobs/{job_part(job)}/items", filters):
            for item in page.items:
                yield item

    async def fetch(self, url: str) -> bytes:
        """The object behind a signed URL of the service. Raises `LinkExpired`."""
        return await self.transport.fetch(url)

    async def mask_bytes(self, item: Item) -> bytes:
        """The item's mask as an indexed PNG, fetched from its signed URL.

        Raises `MaskNotFound` for an item without a mask, and `LinkExpired` when the URL is no
        longer valid: read the item again."""
        if item.result is None or item.result.mask_url is None:
            raise MaskNotFound(f"Image {item.image_id} has no mask: the item is {item.state}.")
        return await self.fetch(item.result.mask_url)

    async def mask(self, item: Item) -> NDArray[np.uint8]:
        """The item's mask: category indices, uint8, shape (height, width)."""
        return await self.transport.offload(partial(decode_mask, await self.mask_bytes(item)))

    async def masks(self, job: Job | str, start: int, stop: int) -> list[tuple[Item, bytes | None]]:
        """The items from `start` to `stop` (exclusive), each with its mask as an indexed PNG, or
        None without a mask: many small masks in one response. Raises `JobNotFound`."""
        params = {"start": str(start), "stop": str(stop), "names": "id", "format": "png"}
        call = Call("GET", f"/v1/jobs/{job_part(job)}/archive.zip", params)
        return await self.transport.offload(partial(unpack_masks, await self.transport.send(call)))

    async def rendering(self, job: Job | str, index: int, format: MaskFormat | str) -> bytes:
        """The mask of a job's item in one of the formats of `MaskFormat`.

        Raises `InvalidRequest` for another format, `MaskNotFound`, and `ConfidenceNotFound` when
        no job with `confidence` has segmented the image."""
        call = Call("GET", f"/v1/jobs/{job_part(job)}/items/{index}/mask", {"format": str(format)})
        return (await self.transport.send(call)).content

    async def segment(
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
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        longest = LONGEST_WAIT_S if timeout is None else min(timeout, LONGEST_WAIT_S)
        file = await read_source(source, self.transport)
        parameters = requested(MaskParameters, {"quality": quality, "pixels": pixels})
        answer = await self._segment_route.send(file, model, parameters, longest)
        if answer is None:
            [name] = client_names([file])
            ref = ImageRef(id=(await self._upload(file)).id, custom_id=name)
            options = JobOptions(model=model, quality=quality, pixels=pixels, lane="interactive")
            answer = await self.submit([ref], wait=longest, **options)
        if isinstance(answer, Job):
            if answer.state not in FINAL_STATES:
                left = max(0.0, deadline - time.monotonic())
                answer = await self.wait(answer, None if timeout is None else left)
            [(item, png)] = await self.masks(answer, 0, 1)
        else:
            item, png = answer
        raise_item_error(item)
        if png is None:
            png = await self.mask_bytes(item)
        return await self.transport.offload(partial(decode_mask, png)), item

    # Documents and webhooks

    async def annotations(
        self, job: Job | str, format: MaskFormat | str = MaskFormat.COCO
    ) -> AsyncGenerator[bytes]:
        """All finished masks of a job in one document, in blocks as they are made.

        `format` is `coco` or `labelstudio` (JSON), or `cvat` (XML). Raises `JobNotFound`,
        `InvalidRequest` for another format, and `ServiceUnreachable` when it breaks off."""
        path = f"/v1/jobs/{job_part(job)}/annotations"
        async for block in self.transport.download(Call("GET", path, {"format": str(format)})):
            yield block

    async def webhook_deliveries(self, job: Job | str) -> list[Delivery]:
        """The deliveries of a job's webhook, newest first; none while the job is open."""
        return await self._answers.get_list(Delivery, f"/v1/jobs/{job_part(job)}/webhook")

    async def replay_webhook(self, job: Job | str) -> Delivery:
        """Send the webhook of an ended job again. Raises `DeliveryNotFound`."""
        return await self._answers.post(Delivery, f"/v1/jobs/{job_part(job)}/webhook/replay")

    async def share(self, kind: SharedKind, name: str, sharing: Sharing) -> Sharing:
        """Let these keys, and no others, read a job or a dataset of this key."""
        call = Call("PUT", sharing_path(kind, name), json=sharing.model_dump())
        return await self._answers.send(Sharing, call)

    async def sharing(self, kind: SharedKind, name: str) -> Sharing:
        """The keys that may read a job or a dataset of this key."""
        return await self._answers.get(Sharing, sharing_path(kind, name))

    async def erase(self, kind: ErasedKind, name: str) -> Erasure:
        """Delete an image, truth, dataset or job for ever, with all that was made of it.

        `name` is an id, the name of a dataset or the sha256 of a truth."""
        return await self._answers.send(Erasure, Call("DELETE", erased_path(kind, name)))


def _image_ref(image: str | ImageRef) -> ImageRef:
    """An image of a job. Raises `InvalidId`."""
    return ImageRef(id=check_image_id(image)) if isinstance(image, str) else image
