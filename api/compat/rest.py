"""The endpoint of the study: one image in, the image and its mask out, in one call."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.bodies.uploads import receive_file, temporary_folder
from api.compat.rest_image import RestImage, read_rest_image
from api.dependencies import (
    AccessDep,
    CallerDep,
    LimiterDep,
    LinksDep,
    RecordsDep,
    SettingsDep,
    SingleImageServiceDep,
    StoreDep,
    WatcherDep,
    check_submission,
)
from api.errors import ITEM_ERRORS, JSON_EXPECTED, Responses, problems
from api.long_polling import MAX_WAIT_S
from api.openapi import request_body
from api.routes.images import UPLOAD_ERRORS
from api.services.renderings import result_of
from roadmask.errors import (
    InvalidRequest,
    JobClosed,
    ModelNotFound,
    NotInTime,
    QueueFull,
    Unavailable,
)
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import Item
from roadmask.schemas.media_types import JSON, media_type
from storage.masks.facts import read_mask
from storage.objects.store import BLOCK, ObjectStore

router = APIRouter(tags=["items"])

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
REQUEST = {
    "type": "object",
    "required": ["image"],
    "properties": {"image": IMAGE},
    "examples": [{"image": [[[128, 64, 128], [70, 130, 180]]]}],
}
ANSWER = {
    "type": "object",
    "properties": {
        "image": IMAGE,
        "mask": {"anyOf": [TEXT, INDICES]},
        "job": {"type": "string", "format": "uri"},
    },
}
RESPONSES: Responses = {200: {"description": "The mask.", "content": {JSON: {"schema": ANSWER}}}}


@router.post(
    "/rest/",
    response_class=StreamingResponse,
    summary="One image in, its mask out, in one call",
    dependencies=[Depends(check_submission)],
    openapi_extra=request_body({JSON: REQUEST}),
    responses=RESPONSES
    | problems(
        *UPLOAD_ERRORS,
        *ITEM_ERRORS,
        ModelNotFound,
        QueueFull,
        JobClosed,
        NotInTime,
    ),
)
async def segment_serialised(
    request: Request,
    settings: SettingsDep,
    single: SingleImageServiceDep,
    records: RecordsDep,
    store: StoreDep,
    watcher: WatcherDep,
    links: LinksDep,
    limiter: LimiterDep,
    access: AccessDep,
    caller: CallerDep,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT_S, description="Longest time to wait, seconds.")
    ] = MAX_WAIT_S,
) -> StreamingResponse:
    """Takes a file in base64, or H lists of W pixels of 3 numbers (red, green, blue).

    Returns `image` as it was sent, `mask` in the same representation (an indexed PNG in base64, or
    H lists of W category indices), and `job`, the URL of the job that made the mask.
    """
    if media_type(request.headers.get("content-type")) != JSON:
        raise InvalidRequest(JSON_EXPECTED)
    limit = settings.max_upload_bytes
    with temporary_folder() as folder:
        body = await receive_file(request, folder, 2 * limit)
        sent = await anyio.to_thread.run_sync(
            read_rest_image, body.path, folder, limit, limiter=limiter
        )
        job, _ = await run_in_threadpool(single.accept, sent.upload, caller)
        # Recorded now, while the worker begins: the job exists even if its image fails.
        await access.record(request.scope, caller, 200)
        # An open file is readable after the removal of its folder.
        file = body.path.open("rb")
    url = links.job_url(job.id)
    try:
        await watcher.ends(job.id, wait)
        item = single.ended(await run_in_threadpool(records.item, job.id, 0), job.id)
        if item is None:
            raise NotInTime(
                f"The image is not segmented yet, and its job continues: see {url}. You can also "
                "send the image again later and get its mask then.",
                job=url,
            )
        mask = await anyio.to_thread.run_sync(
            _encode_mask, store, item, sent.is_lists, limiter=limiter
        )
    except Unavailable as error:
        file.close()
        raise NotInTime(
            f"The image is accepted and its job continues, see {url}. But: {error.detail}", job=url
        ) from error
    except BaseException:
        file.close()
        raise
    return StreamingResponse(_answer(file, sent, {"mask": mask, "job": url}), media_type=JSON)


def _encode_mask(store: ObjectStore, item: Item, as_lists: bool) -> Any:
    """The mask as lists of category indices, or as an indexed PNG in base64."""
    png = read_mask(store, result_of(item))
    return decode_mask(png).tolist() if as_lists else b64encode(png).decode()


def _answer(file: BinaryIO, sent: RestImage, tail: dict[str, Any]) -> Iterator[bytes]:
    """The answer in blocks. `image` is copied from the request's body."""
    with file:
        yield b'{"image": '
        file.seek(sent.start)
        left = sent.stop - sent.start
        while left > 0:
            block = file.read(min(left, BLOCK))
            left -= len(block)
            yield block
        yield b", " + json.dumps(tail).encode()[1:]
