"""Items of a job, and the mask of each in every form."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Backends, Wired
from api.errors import problems
from api.openapi import answer, binary_answer
from api.previews import colored_png, overlay_jpeg
from roadmask.errors import (
    ImageMissing,
    ItemNotFound,
    JobNotFound,
    MaskNotFound,
    ObjectNotFound,
)
from roadmask.jobs import Item, ItemPage, ItemState, Result
from roadmask.masks import decode_mask, encode_rle
from storage.manifest import read_range

router = APIRouter(
    prefix="/v1/jobs/{job_id}/items", tags=["items"], dependencies=[Depends(require_key)]
)

FOREVER = "private, max-age=31536000, immutable"


class MaskFormat(StrEnum):
    """The forms of a mask."""

    PNG = "png"
    """Category indices, an indexed PNG: the canonical form."""
    COLOR = "color"
    """The palette's colours, an RGB PNG."""
    OVERLAY = "overlay"
    """The colours over the image, a JPEG."""
    RLE = "rle"
    """COCO run lengths for each category, JSON."""


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
    responses=binary_answer("image/png", "image/jpeg", "application/json", description="The mask.")
    | answer(304, "The client's copy is still good.")
    | problems(JobNotFound, ItemNotFound, MaskNotFound, ImageMissing),
)
async def get_mask(
    job_id: str,
    index: Index,
    request: Request,
    backends: Wired,
    form: Annotated[MaskFormat, Query(alias="format")] = MaskFormat.PNG,
) -> Response:
    """A mask never changes, so browsers may keep it."""
    item = await run_in_threadpool(backends.records.item, job_id, index)
    if item.result is None:
        raise MaskNotFound(
            f"Item {index} is {item.state}: it has no mask"
            + (f" ({item.error.title})." if item.error else " yet. Wait for its job.")
        )
    tag = hashlib.sha256(f"{item.result.mask_key} {form}".encode()).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOREVER}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    response = await _render(backends, job_id, index, item.result, form)
    response.headers.update(headers)
    return response


async def _render(
    backends: Backends, job_id: str, index: int, result: Result, form: MaskFormat
) -> Response:
    try:
        png = await run_in_threadpool(backends.store.get, result.mask_key)
    except ObjectNotFound:
        raise MaskNotFound("The mask was deleted from the object store.") from None
    if form is MaskFormat.COLOR:
        return Response(await colored_png(backends, png), media_type="image/png")
    if form is MaskFormat.OVERLAY:
        [source] = await run_in_threadpool(read_range, backends.store, job_id, index, index + 1)
        return Response(await overlay_jpeg(backends, source.sha256, png), media_type="image/jpeg")
    if form is MaskFormat.RLE:
        runs = await run_in_threadpool(lambda: encode_rle(decode_mask(png)))
        return JSONResponse(runs)
    return Response(png, media_type="image/png")
