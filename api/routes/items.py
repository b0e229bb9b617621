"""Items of a job, and the mask of each in every form."""

from __future__ import annotations

import hashlib
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Wired
from api.errors import problems
from api.openapi import answer, binary_answer
from api.renderings import render_item, result_of
from roadmask.errors import (
    ConfidenceNotFound,
    ImageMissing,
    ItemNotFound,
    JobNotFound,
    MaskNotFound,
)
from roadmask.jobs import Item, ItemPage, ItemState
from roadmask.mask_formats import MEDIA_TYPES, MaskFormat
from storage.objects import confidence_key

router = APIRouter(
    prefix="/v1/jobs/{job_id}/items", tags=["items"], dependencies=[Depends(require_key)]
)

FOREVER = "private, max-age=31536000, immutable"


Index = Annotated[int, Path(ge=0, description="Position in the job, from 0.")]


@router.get("", summary="List a job's items", responses=problems(JobNotFound))
def list_items(
    job_id: str,
    backends: Wired,
    state: Annotated[list[ItemState] | None, Query(description="One or more states.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None, Query(description="`next` of the page before, or an index to begin from.")
    ] = None,
) -> ItemPage:
    """In the order of the request, each with its state, its error or its result."""
    page = backends.records.items(job_id, cursor=cursor, limit=limit, states=state)
    return page.model_copy(update={"items": [backends.links.item(item) for item in page.items]})


@router.get(
    "/{index}",
    summary="One item",
    responses=problems(JobNotFound, ItemNotFound),
)
def get_item(job_id: str, index: Index, backends: Wired) -> Item:
    """Its state, its error or its result with the signed URL of the mask."""
    return backends.links.item(backends.records.item(job_id, index))


@router.get(
    "/{index}/mask",
    response_class=Response,
    summary="The item's mask",
    responses=binary_answer(*MEDIA_TYPES.values(), description="The mask.")
    | answer(304, "The client's copy is still good.")
    | problems(JobNotFound, ItemNotFound, MaskNotFound, ConfidenceNotFound, ImageMissing),
)
async def get_mask(
    job_id: str,
    index: Index,
    request: Request,
    backends: Wired,
    form: Annotated[MaskFormat, Query(alias="format")] = MaskFormat.PNG,
) -> Response:
    """A mask never changes, so browsers may keep it.

    `confidence` is there once a job with `"confidence": true` had the image; `npz` then has it too.
    """
    item = await run_in_threadpool(backends.records.item, job_id, index)
    key = result_of(item).mask_key
    content, keep = f"{key} {form}", FOREVER
    if form is MaskFormat.NPZ:
        # Another job may yet bring the confidence.
        more = await run_in_threadpool(backends.store.exists, confidence_key(key))
        content, keep = f"{content} {more}", "private, no-cache"
    tag = hashlib.sha256(content.encode()).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": keep}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    # Only the stored form costs nothing to make.
    limiter = None if form is MaskFormat.PNG else backends.rendering
    data = await anyio.to_thread.run_sync(
        render_item, backends, job_id, item, form, limiter=limiter
    )
    return Response(data, media_type=form.media_type, headers=headers)
