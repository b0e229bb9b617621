"""The study's endpoint: an image in, its mask and the image out, in one call."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Backends, Wired
from api.errors import Responses, problems
from api.intake import keep_image
from api.openapi import json_request
from api.requests import accept
from api.routes.images import BAD_FILES
from api.serialised import Serialised, read_serialised
from api.uploads import receive_file, scratch
from api.waiting import LONGEST_WAIT_S
from roadmask.errors import (
    InvalidRequest,
    ItemError,
    JobClosed,
    ModelNotFound,
    NotInTime,
    QueueFull,
    RoadmaskError,
    error_classes,
)
from roadmask.images import Image
from roadmask.jobs import FINAL_STATES, ImageRef, Job, JobCreate, Lane, Problem
from roadmask.masks import decode_mask
from storage.manifest import ManifestItem
from storage.objects import BLOCK

router = APIRouter(tags=["items"], dependencies=[Depends(require_key)])

PIXELS = {
    "type": "array",
    "items": {
        "type": "array",
        "items": {
            "type": "array",
            "items": {"type": "number", "minimum": 0, "maximum": 255},
            "minItems": 3,
            "maxItems": 3,
        },
    },
}
INDICES = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
TEXT = {"type": "string", "format": "byte"}
IMAGE = {"anyOf": [TEXT, PIXELS]}
REQUEST = {"type": "object", "required": ["image"], "properties": {"image": IMAGE}}
ANSWER = {
    "type": "object",
    "properties": {
        "image": IMAGE,
        "mask": {"anyOf": [TEXT, INDICES]},
        "job": {"type": "string", "format": "uri"},
    },
}
ANSWERED: Responses = {
    200: {"description": "The mask.", "content": {"application/json": {"schema": ANSWER}}}
}
ITEM_ERRORS = [cls for cls in error_classes().values() if issubclass(cls, ItemError)]


@router.post(
    "/rest/",
    response_class=StreamingResponse,
    summary="One image in, its mask out, in one call",
    openapi_extra=json_request(REQUEST, {"image": [[[128, 64, 128], [70, 130, 180]]]}),
    responses=ANSWERED
    | problems(*BAD_FILES, *ITEM_ERRORS, ModelNotFound, QueueFull, JobClosed, NotInTime),
)
async def segment_serialised(
    request: Request,
    backends: Wired,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_S, description="Longest time to wait, seconds.")
    ] = LONGEST_WAIT_S,
) -> StreamingResponse:
    """Takes a file in base64, or lists of H rows of W pixels (R, G, B).

    Answers in the same form: `image` as it was sent, `mask` as base64 of an indexed PNG or as H
    rows of W category indices, and `job`, the URL of the job that made it.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise InvalidRequest("Send the body as JSON, with Content-Type: application/json.")
    limit = backends.settings.max_upload_bytes
    with scratch() as folder:
        body = await receive_file(request, folder, 2 * limit)
        sent = await anyio.to_thread.run_sync(
            read_serialised, body.path, folder, limit, limiter=backends.rendering
        )
        job = await run_in_threadpool(_submit, backends, sent)
        # What is open stays readable when the folder is gone.
        file = body.path.open("rb")
    try:
        job = await backends.watch.wait(job.id, wait)
        mask = await anyio.to_thread.run_sync(
            _mask, backends, job, sent.is_lists, limiter=backends.rendering
        )
    except BaseException:
        file.close()
        raise
    tail = {"mask": mask, "job": f"{backends.settings.public_url.rstrip('/')}/v1/jobs/{job.id}"}
    return StreamingResponse(_answer(file, sent, tail), media_type="application/json")


def _submit(backends: Backends, sent: Serialised) -> Job:
    image, _ = keep_image(backends, sent.upload)
    wanted = JobCreate(images=[ImageRef(id=image.id)], lane=Lane.INTERACTIVE)
    job, _ = accept(backends, wanted, [_item(image)], None)
    return job


def _item(image: Image) -> ManifestItem:
    return ManifestItem(image.id, None, image.sha256, None)


def _mask(backends: Backends, job: Job, as_lists: bool) -> Any:
    """The job's mask in JSON's terms. Raises why there is none."""
    item = backends.records.item(job.id, 0)
    if item.error is not None:
        raise _error(item.error)
    if item.result is None and job.state in FINAL_STATES:
        raise JobClosed("The job was stopped before the image was done. Send the image again.")
    if item.result is None:
        url = f"{backends.settings.public_url.rstrip('/')}/v1/jobs/{job.id}"
        raise NotInTime(
            f"The image is not done yet. Its job goes on: see {url}, or send the image again "
            "later, when its mask will be there.",
            job=url,
        )
    png = backends.store.get(item.result.mask_key)
    return decode_mask(png).tolist() if as_lists else b64encode(png).decode()


def _error(problem: Problem) -> RoadmaskError:
    return error_classes().get(problem.code, RoadmaskError)(problem.detail)


def _answer(file: BinaryIO, sent: Serialised, tail: dict[str, Any]) -> Iterator[bytes]:
    """The answer in blocks, with the image's own text from the request."""
    with file:
        yield b'{"image": '
        file.seek(sent.start)
        left = sent.stop - sent.start
        while left > 0:
            block = file.read(min(left, BLOCK))
            left -= len(block)
            yield block
        yield b", " + json.dumps(tail).encode()[1:]
