"""One request for one mask: the image in, its mask out, through the same job, record and store."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.bodies.json_body import JOB_CREATE, parse_json
from api.bodies.multipart import is_form, receive_form
from api.bodies.uploads import Upload, receive_file, temporary_folder
from api.components import Components
from api.dependencies import CallerDep, check_submission, components_of
from api.errors import ITEM_ERRORS, Responses, problems
from api.long_polling import MAX_WAIT_S, Prefer, Wait, waiting_time
from api.openapi import BINARY, REF, answer, form_with_files, request_body
from api.routes.images import UPLOAD_ERRORS
from roadmask.errors import (
    ConfidenceNotFound,
    IdempotencyConflict,
    InvalidRequest,
    JobClosed,
    MaskDamaged,
    MaskNotFound,
    ModelNotFound,
    QueueFull,
    Unavailable,
)
from roadmask.schemas.ids import CustomId
from roadmask.schemas.jobs import Item, Job
from roadmask.schemas.mask_formats import MEDIA_TYPES, MaskFormat
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.media_types import FORM_DATA, JSON, OCTET_STREAM, preferred_type
from roadmask.schemas.wire import ITEM_HEADER

router = APIRouter(tags=["items"])

log = logging.getLogger(__name__)

FORMATS: dict[str, MaskFormat | None] = {
    "image/png": MaskFormat.PNG,
    JSON: None,
    "image/jpeg": MaskFormat.OVERLAY,
    "application/geo+json": MaskFormat.POLYGONS,
    "application/xml": MaskFormat.CVAT,
    OCTET_STREAM: MaskFormat.NPZ,
}
"""What `Accept` asks for, the first where it leaves the choice; None: the facts alone."""
MAX_HEADER = 3000
"""Characters of an item in a header, beyond which its name is left out."""
MASK = {kind: {"schema": BINARY} for kind in MEDIA_TYPES.values()}
ANSWERS: Responses = {
    200: {
        "description": f"The mask, with its item in the header `{ITEM_HEADER}`, or the item alone.",
        "content": MASK | {JSON: {"schema": {"$ref": REF.format(model="Item")}}},
    }
}


@router.post(
    "/v1/segment",
    summary="One image in, its mask out, in one request",
    response_class=Response,
    dependencies=[Depends(check_submission)],
    openapi_extra=request_body({OCTET_STREAM: BINARY, FORM_DATA: form_with_files()}),
    responses=ANSWERS
    | answer(202, "The image is accepted, and its mask is not made yet.", Job)
    | problems(
        *UPLOAD_ERRORS,
        *ITEM_ERRORS,
        ConfidenceNotFound,
        IdempotencyConflict,
        JobClosed,
        MaskDamaged,
        MaskNotFound,
        ModelNotFound,
        QueueFull,
    ),
)
async def segment_image(
    request: Request,
    caller: CallerDep,
    model: Annotated[str, Query(max_length=200)] = "default",
    quality: Quality = "standard",
    pixels: Annotated[
        str | None, Query(max_length=500, description="`pixels` of a job, as JSON.")
    ] = None,
    confidence: Annotated[bool, Query(description="Also compute the confidence.")] = False,
    name: Annotated[
        CustomId | None, Query(description="The client's name for the image: `custom_id`.")
    ] = None,
    mask_format: Annotated[
        MaskFormat | None,
        Query(alias="format", description="By default the one that `Accept` names, or `png`."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=256, description="Repeating it returns the same mask."),
    ] = None,
    wait: Wait = None,
    prefer: Prefer = None,
) -> Response:
    """Takes the file itself, or a form with one file, and answers with the mask, whose item is in
    the header `Roadmask-Item`. With `Accept: application/json` the answer is the item alone.

    It comes after `wait` seconds at the latest, by default 60: then it is 202 with the job, which
    goes on. An image that cannot be segmented is an error, with the URL of its job in `job`.
    """
    parts = components_of(request)
    options = {"model": model, "quality": quality, "pixels": pixels, "confidence": confidence}
    job_create = parse_json(JOB_CREATE, json.dumps(options))
    with temporary_folder() as folder:
        upload = await _receive(request, folder, parts.settings.max_upload_bytes)
        accepted = await run_in_threadpool(
            parts.single_images.accept,
            upload,
            caller,
            job_create,
            name=name or upload.filename,
            idempotency_key=idempotency_key,
        )
    await parts.access.record(request.scope, caller, 200)  # while the worker begins
    seconds, headers = waiting_time(wait, prefer)
    if wait is None and not headers:
        seconds = MAX_WAIT_S
    headers |= {"Location": parts.links.job_path(accepted.job.id), "Vary": "Accept"}
    if accepted.is_replay:
        headers["Idempotency-Replayed"] = "true"
    wanted = mask_format or _accepted_format(request)
    found = await _wait(parts, request, accepted.job.id, seconds, wanted)
    if found is None:
        body = parts.links.job(accepted.job).model_dump_json()
        return Response(body, 202, headers, media_type=JSON)
    item, mask = found
    if wanted is None or mask is None:
        return Response(item.model_dump_json(), headers=headers, media_type=JSON)
    headers[ITEM_HEADER] = _header(item)
    headers["Content-Location"] = f"{headers['Location']}/items/0/mask?format={wanted}"
    return Response(mask, headers=headers, media_type=wanted.media_type)


def _accepted_format(request: Request) -> MaskFormat | None:
    return FORMATS[preferred_type(",".join(request.headers.getlist("accept")), FORMATS)]


def _header(item: Item) -> str:
    """The item as JSON in ASCII. A long name, which the client knows, is left out: proxies pass on
    a few kilobytes of headers."""
    text = json.dumps(item.model_dump(mode="json", exclude_none=True))
    if len(text) <= MAX_HEADER:
        return text
    return json.dumps(item.model_dump(mode="json", exclude_none=True, exclude={"custom_id"}))


async def _receive(request: Request, folder: Path, limit: int) -> Upload:
    if not is_form(request):
        return await receive_file(request, folder, limit)
    form = await receive_form(request, folder, limit)
    if len(form.files) != 1:
        raise InvalidRequest(
            f"The form has {len(form.files)} files. Send one, or all of them to POST /v1/jobs."
        )
    return form.files[0]


async def _wait(
    parts: Components, request: Request, job_id: str, seconds: float, wanted: MaskFormat | None
) -> tuple[Item, bytes | None] | None:
    """The item with its mask in the format that is wanted; None if it has none after `seconds`.

    Raises the item's error. The job is accepted: no failure of the service says anything else to
    its client.
    """
    try:
        with parts.streams.one_of(request):
            await parts.watcher.ends(job_id, seconds)
    except Exception as error:
        log.warning("job %s is accepted, but its client cannot wait: %r", job_id, error)
        return None
    # A stored PNG is only read.
    limiter = None if wanted in (None, MaskFormat.PNG) else parts.limiter
    return await anyio.to_thread.run_sync(_read, parts, job_id, wanted, limiter=limiter)


def _read(
    parts: Components, job_id: str, wanted: MaskFormat | None
) -> tuple[Item, bytes | None] | None:
    try:
        item = parts.storage.records.item(job_id, 0)
    except Exception as error:
        log.warning("job %s is accepted, but its item cannot be read: %r", job_id, error)
        return None
    if parts.single_images.ended(item, job_id) is None:
        return None
    try:
        mask = parts.renderings.render_now(job_id, item, wanted) if wanted else None
    except Unavailable as error:
        log.warning("job %s has ended, but its mask cannot be read: %r", job_id, error)
        return None
    return parts.links.item(item), mask
