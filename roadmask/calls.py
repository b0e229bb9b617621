"""Everything the service does, as calls over a transport: what both clients have in common."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import TypedDict, Unpack
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import (
    InvalidRequest,
    MaskNotFound,
    ModelNotFound,
    RoadmaskError,
    error_classes,
)
from roadmask.event import Event
from roadmask.events import BEGINNING, follow
from roadmask.export_calls import ExportCalls, job_id
from roadmask.image_calls import Source
from roadmask.jobs import (
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
from roadmask.masks import decode_mask
from roadmask.transport import Call, Transport

LONGEST_WAIT_S = 20.0
"""Longest single long-poll, seconds: shorter than the idle limits of common proxies."""


class JobOptions(TypedDict, total=False):
    """Members of `roadmask.jobs.JobCreate`, which says what they mean."""

    dataset: str | None
    prefix: str | None
    name: str | None
    model: str
    lane: Lane | str | None
    confidence: bool
    error_threshold: float | None
    deadline_s: float | None
    webhook: str | None


class Calls(ExportCalls):
    """What a client can do. Errors of the service are raised as classes of `roadmask.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def submit(
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
        if files is not None:
            if images is not None:
                raise InvalidRequest("Give `images` or `files`, not both.")
            images = [(await self.upload(source)).id for source in files]
        refs = images and [ImageRef(id=i) if isinstance(i, str) else i for i in images]
        ask = JobCreate.model_validate({"images": refs, **request})
        return await self.create(ask, idempotency_key, wait=wait)

    async def create(
        self, request: JobCreate, idempotency_key: str | None = None, *, wait: float = 0
    ) -> Job:
        """Hand a request in. The same key yields the same job, so a lost answer does no harm;
        without one a key is made for this call."""
        body = request.model_dump(mode="json", exclude_none=True)
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        timeout = self.transport.timeout + wait
        call = Call("POST", "/v1/jobs", waiting(wait), headers, body, timeout=timeout)
        return Job.model_validate((await self.transport.send(call)).json())

    async def job(self, job: Job | str, *, wait: float = 0) -> Job:
        """The job as it is now, or once it ended or `wait` seconds passed. Raises `JobNotFound`."""
        timeout = self.transport.timeout + wait
        call = Call("GET", f"/v1/jobs/{job_id(job)}", waiting(wait), timeout=timeout)
        return Job.model_validate((await self.transport.send(call)).json())

    async def jobs(
        self, state: JobState | None = None, lane: Lane | None = None
    ) -> AsyncGenerator[Job]:
        """All jobs, newest first."""
        filters = {k: str(v) for k, v in (("state", state), ("lane", lane)) if v is not None}
        async for page in self.pages("/v1/jobs", filters):
            for job in JobPage.model_validate(page).jobs:
                yield job

    async def wait(
        self,
        job: Job | str,
        timeout: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """The job once it ended. Raises `TimeoutError` after `timeout` seconds; the job goes on."""
        deadline = None if timeout is None else time.monotonic() + timeout
        longest = 1.0 if on_progress else LONGEST_WAIT_S
        while True:
            left = longest if deadline is None else deadline - time.monotonic()
            asked = time.monotonic()
            now = await self.job(job, wait=max(0.0, min(left, longest)))
            if on_progress:
                on_progress(now)
            if now.state in FINAL_STATES:
                return now
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Job {now.id} is still {now.state} after {timeout:g} s.")
            # An answer at once means that the service does not hold requests: do not storm it.
            await self.transport.sleep(max(0.0, 0.2 - (time.monotonic() - asked)))

    async def results(
        self, job: Job | str, *, state: ItemState | str | None = None
    ) -> AsyncGenerator[Item]:
        """The job's items in order; `state="failed"` gives only those."""
        filters = {} if state is None else {"state": str(state)}
        async for page in self.pages(f"/v1/jobs/{job_id(job)}/items", filters):
            for item in ItemPage.model_validate(page).items:
                yield item

    async def item(self, job: Job | str, index: int) -> Item:
        """One item of a job. Raises `ItemNotFound`."""
        return Item.model_validate(await self.get(f"/v1/jobs/{job_id(job)}/items/{index}"))

    def events(self, job: Job | str, last_id: str = BEGINNING) -> AsyncGenerator[Event]:
        """What happened and happens to the job until it ends; lost connections are made again."""
        return follow(self.transport, job_id(job), last_id)

    async def cancel(self, job: Job | str) -> Job:
        """Stop a job; finished masks are kept."""
        path = f"/v1/jobs/{job_id(job)}/cancel"
        return Job.model_validate(await self.post(path, repeatable=True))

    async def retry(self, job: Job | str) -> Job:
        """Run the failed items of an ended job again. Raises `JobClosed`."""
        return Job.model_validate(await self.post(f"/v1/jobs/{job_id(job)}/retry"))

    async def artifact(self, model: str = "default") -> str | None:
        """`name@version` of what a new job gets as `model`; None while that is not certain."""
        try:
            found = await self.get(f"/v1/models/{quote(model, safe='')}")
        except ModelNotFound:
            return None
        return f"{found['name']}@{found['version']}"

    async def fetch(self, url: str) -> bytes:
        """What a signed URL of the service leads to. Raises `LinkExpired`."""
        return await self.transport.fetch(url)

    async def mask_bytes(self, item: Item) -> bytes:
        """The item's mask as an indexed PNG, through its signed URL.

        Raises `MaskNotFound` for an item without a mask, `LinkExpired` when the item was read
        too long ago: read it again."""
        if item.result is None or item.result.mask_url is None:
            raise MaskNotFound(f"Image {item.image_id} has no mask: the item is {item.state}.")
        return await self.fetch(item.result.mask_url)

    async def mask(self, item: Item) -> NDArray[np.uint8]:
        """The item's mask: category indices, uint8, shape (height, width)."""
        png = await self.mask_bytes(item)
        return await self.transport.aside(partial(decode_mask, png))

    async def segment(
        self, source: Source, *, model: str = "default", timeout: float | None = None
    ) -> tuple[NDArray[np.uint8], Item]:
        """The mask of one image, and its item. Raises the item's error when it failed, and
        `TimeoutError` after `timeout` seconds."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        longest = LONGEST_WAIT_S if timeout is None else min(timeout, LONGEST_WAIT_S)
        job = await self.submit(files=[source], model=model, lane=Lane.INTERACTIVE, wait=longest)
        if job.state not in FINAL_STATES:
            left = max(0.0, until - time.monotonic())
            job = await self.wait(job, None if timeout is None else left)
        [(item, png)] = await self.masks(job, 0, 1)
        raise_failure(item)
        if png is None:
            png = await self.mask_bytes(item)
        return await self.transport.aside(partial(decode_mask, png)), item


def waiting(seconds: float) -> dict[str, str | int]:
    """The query of a call that may be answered later; the service counts whole seconds here."""
    return {"wait": int(seconds)} if seconds >= 1 else {}


def raise_failure(item: Item) -> None:
    """Raise what made the item fail, as the class of `roadmask.errors` it came from."""
    if item.error is not None:
        cls = error_classes().get(item.error.code, RoadmaskError)
        raise cls(item.error.detail)
