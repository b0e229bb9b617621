"""The client: everything the service does, as typed calls."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
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
from roadmask.image_calls import ImageCalls, Source
from roadmask.jobs import (
    FINAL_STATES,
    ImageRef,
    Item,
    ItemPage,
    Job,
    JobCreate,
    JobPage,
    JobState,
    Lane,
)
from roadmask.masks import decode_mask
from roadmask.transport import Call, Transport

if TYPE_CHECKING:
    from roadmask.outcomes import FileResult

DEFAULT_URL = "http://127.0.0.1:8000"
LONGEST_WAIT_S = 20.0
"""Longest single long-poll, seconds: shorter than the idle limits of common proxies."""


class Client(ImageCalls):
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
        url = base_url or os.environ.get("ROADMASK_URL") or DEFAULT_URL
        key = api_key or os.environ.get("ROADMASK_API_KEY")
        self.timeout = timeout
        self.transport = Transport(url, key, timeout, patience, transport)

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self.transport.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def submit(
        self,
        images: Iterable[str | ImageRef] | None = None,
        *,
        files: Iterable[Source] | None = None,
        idempotency_key: str | None = None,
        **request: Any,
    ) -> Job:
        """Ask for masks of `images` (ids), of `files` (uploaded first), a `dataset` or a `prefix`.

        The other members of `roadmask.jobs.JobCreate` are `name`, `model`, `lane`,
        `error_threshold` and `deadline_s`.
        """
        if files is not None:
            if images is not None:
                raise InvalidRequest("Give `images` or `files`, not both.")
            images = [self.upload(source).id for source in files]
        if images is not None:
            request["images"] = [ImageRef(id=i) if isinstance(i, str) else i for i in images]
        return self.create(JobCreate(**request), idempotency_key)

    def create(self, request: JobCreate, idempotency_key: str | None = None) -> Job:
        """Hand a request in. The same key yields the same job, so a lost answer does no harm;
        without one a key is made for this call."""
        body = request.model_dump(mode="json", exclude_none=True)
        key = idempotency_key or uuid.uuid4().hex
        return Job.model_validate(self.post("/v1/jobs", body, idempotency_key=key))

    def job(self, job: Job | str, *, wait: float = 0) -> Job:
        """The job as it is now, or once it ended or `wait` seconds passed. Raises `JobNotFound`."""
        params: dict[str, str | int] = {"wait": int(wait)} if wait >= 1 else {}
        call = Call("GET", f"/v1/jobs/{job_id(job)}", params, timeout=self.timeout + wait)
        return Job.model_validate(self.transport.send(call).json())

    def jobs(self, state: JobState | None = None, lane: Lane | None = None) -> Iterator[Job]:
        """All jobs, newest first."""
        filters = {k: str(v) for k, v in (("state", state), ("lane", lane)) if v is not None}
        for page in self.pages("/v1/jobs", filters):
            yield from JobPage.model_validate(page).jobs

    def wait(
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
            now = self.job(job, wait=max(0.0, min(left, longest)))
            if on_progress:
                on_progress(now)
            if now.state in FINAL_STATES:
                return now
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Job {now.id} is still {now.state} after {timeout:g} s.")
            # An answer at once means that the service does not hold requests: do not storm it.
            time.sleep(max(0.0, 0.2 - (time.monotonic() - asked)))

    def results(self, job: Job | str, **filters: str) -> Iterator[Item]:
        """The job's items in order; `state="failed"` gives only those."""
        for page in self.pages(f"/v1/jobs/{job_id(job)}/items", filters):
            yield from ItemPage.model_validate(page).items

    def item(self, job: Job | str, index: int) -> Item:
        """One item of a job. Raises `ItemNotFound`."""
        return Item.model_validate(self.get(f"/v1/jobs/{job_id(job)}/items/{index}"))

    def events(self, job: Job | str, last_id: str = BEGINNING) -> Iterator[Event]:
        """What happened and happens to the job until it ends; lost connections are made again."""
        return follow(self.transport, job_id(job), last_id)

    def cancel(self, job: Job | str) -> Job:
        """Stop a job; finished masks are kept."""
        return Job.model_validate(self.post(f"/v1/jobs/{job_id(job)}/cancel", repeatable=True))

    def retry(self, job: Job | str) -> Job:
        """Run the failed items of an ended job again. Raises `JobClosed`."""
        return Job.model_validate(self.post(f"/v1/jobs/{job_id(job)}/retry"))

    def artifact(self, model: str = "default") -> str | None:
        """`name@version` of what a new job gets as `model`; None while that is not certain."""
        try:
            found = self.get(f"/v1/models/{quote(model, safe='')}")
        except ModelNotFound:
            return None
        return f"{found['name']}@{found['version']}"

    def mask_bytes(self, item: Item) -> bytes:
        """The item's mask as an indexed PNG, through its signed URL.

        Raises `MaskNotFound` for an item without a mask, `LinkExpired` when the item was read
        too long ago: read it again."""
        if item.result is None or item.result.mask_url is None:
            raise MaskNotFound(f"Image {item.image_id} has no mask: the item is {item.state}.")
        return self.transport.fetch(item.result.mask_url)

    def mask(self, item: Item) -> NDArray[np.uint8]:
        """The item's mask: category indices, uint8, shape (height, width)."""
        return decode_mask(self.mask_bytes(item))

    def segment(
        self, source: Source, *, model: str = "default", timeout: float | None = None
    ) -> tuple[NDArray[np.uint8], Item]:
        """The mask of one image, and its item. Raises the item's error when it failed."""
        job = self.submit(files=[source], model=model, lane=Lane.INTERACTIVE)
        item = self.item(self.wait(job, timeout), 0)
        raise_failure(item)
        return self.mask(item), item

    def segment_folder(
        self, folder: str | Path, out: str | Path, **options: Any
    ) -> Iterator[FileResult]:
        """Masks of all images below `folder` into the same tree below `out`, as they finish.

        Resumes where an earlier run stopped. For the options see `roadmask.batch.Batch`."""
        from roadmask.batch import Batch

        return Batch(self, Path(folder), Path(out), **options).run()


def job_id(job: Job | str) -> str:
    """The id of a job given as itself or by its id."""
    return job if isinstance(job, str) else job.id


def raise_failure(item: Item) -> None:
    """Raise what made the item fail, as the class of `roadmask.errors` it came from."""
    if item.error is not None:
        cls = error_classes().get(item.error.code, RoadmaskError)
        raise cls(item.error.detail)
