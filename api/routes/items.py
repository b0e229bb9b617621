"""Items of a job, and the mask of each in every format."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.connections.ranges import matches
from api.dependencies import LinksDep, RecordsDep, RenderingServiceDep
from api.errors import problems
from api.openapi import PARTS, binary_answer
from api.services.renderings import result_of
from roadmask.errors import (
    ConditionUnclear,
    ConfidenceNotFound,
    ImageMissing,
    InvalidRequest,
    ItemNotFound,
    JobNotFound,
    ManifestUnreadable,
    MaskDamaged,
    MaskNotFound,
)
from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import Item, ItemPage, ItemState
from roadmask.schemas.mask_formats import MEDIA_TYPES, MaskFormat
from storage.jobs.item_list import ItemQuery

router = APIRouter(prefix="/v1/jobs/{job_id}/items", tags=["items"])

IMMUTABLE = "private, max-age=31536000, immutable"


Index = Annotated[int, Path(ge=0, description="Position in the job, from 0.")]


@router.get(
    "",
    summary="List a job's items",
    responses=problems(JobNotFound, ItemNotFound, ConditionUnclear, InvalidRequest),
)
def list_items(
    job_id: str,
    records: RecordsDep,
    links: LinksDep,
    state: Annotated[
        list[ItemState] | None, Query(description="Only items in one of these states.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None,
        Query(description="`next` of the previous page, or the index of the first item."),
    ] = None,
    where: Annotated[
        str | None,
        Query(
            description="Only items that meet this condition: `human > 0.5% and vehicle.iou < "
            "50%`. It may name shares of categories, `CATEGORY.iou`, `iou` (mean), `accuracy` and "
            "`confidence` (mean).",
            max_length=500,
        ),
    ] = None,
    q: Annotated[
        str | None,
        Query(description="Only items whose names contain these words.", max_length=200),
    ] = None,
    sort: Annotated[
        str | None,
        Query(
            description="`index`, `name`, or a figure that `where` may name, the smallest first; "
            "`-` before it: the largest first. Items without the figure are left out.",
            max_length=40,
        ),
    ] = None,
    offset: Annotated[
        int | None, Query(ge=0, description="Number of items to skip; not with `cursor`.")
    ] = None,
    at: Annotated[
        int | None, Query(ge=0, description="Index of the first item; not with `cursor`.")
    ] = None,
) -> ItemPage:
    """Items, each with its state and its error or result, in the order of the request or `sort`.

    With `where`, `q`, `sort`, `offset` or `at` the items are counted, and a page begins at an
    `offset` or with the item `at`.
    """
    if where is None and q is None and sort is None and offset is None and at is None:
        page = records.items(job_id, cursor=cursor, limit=limit, states=state)
    elif cursor is not None:
        raise InvalidRequest(
            "A list with `where`, `q`, `sort`, `offset` or `at` is read by `offset`: leave out "
            "`cursor`."
        )
    else:
        query = ItemQuery(where or "", q or "", tuple(state or ()), sort or "index")
        page = records.item_list(job_id, query, limit, offset or 0, at)
    return page.model_copy(update={"items": [links.item(item) for item in page.items]})


@router.get(
    "/{index}",
    summary="One item",
    responses=problems(JobNotFound, ItemNotFound),
)
def get_item(job_id: str, index: Index, records: RecordsDep, links: LinksDep) -> Item:
    """The item's state, and its error, or its result with the signed URL of the mask."""
    return links.item(records.item(job_id, index))


@router.get(
    "/{index}/mask",
    response_class=Response,
    summary="The item's mask",
    responses=binary_answer(*MEDIA_TYPES.values(), description="The mask.")
    | PARTS
    | problems(
        JobNotFound,
        ItemNotFound,
        MaskNotFound,
        MaskDamaged,
        ConfidenceNotFound,
        ImageMissing,
        ManifestUnreadable,
    ),
)
async def get_mask(
    job_id: str,
    index: Index,
    request: Request,
    records: RecordsDep,
    renderings: RenderingServiceDep,
    mask_format: Annotated[MaskFormat, Query(alias="format")] = MaskFormat.PNG,
) -> Response:
    """A mask never changes, so browsers may cache it. The `ETag` of the PNG is its `mask_sha256`.

    `confidence` exists after a job with `"confidence": true` for the image; `npz` then includes it.
    """
    item = await run_in_threadpool(records.item, job_id, index)
    result = result_of(item)
    content, cache_control = f"{result.mask_sha256 or result.mask_key} {mask_format}", IMMUTABLE
    if mask_format is MaskFormat.NPZ:
        # A later job may add the confidence.
        has_confidence = await run_in_threadpool(renderings.has_confidence, item)
        content, cache_control = f"{content} {has_confidence}", "private, no-cache"
    tag = sha256_of(content.encode())[:32]
    if mask_format is MaskFormat.PNG and result.mask_sha256:
        tag = result.mask_sha256
    headers = {"ETag": f'"{tag}"', "Cache-Control": cache_control}
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    data = await renderings.render(job_id, item, mask_format)
    return Response(data, media_type=mask_format.media_type, headers=headers)


@router.get(
    "/{index}/thumbnail",
    response_class=Response,
    summary="The item's mask, small",
    responses=binary_answer("image/png", description="The mask, at most 256x256 pixels.")
    | PARTS
    | problems(JobNotFound, ItemNotFound, MaskNotFound),
)
async def get_mask_thumbnail(
    job_id: str,
    index: Index,
    request: Request,
    records: RecordsDep,
    renderings: RenderingServiceDep,
) -> Response:
    """An indexed PNG of the size of the image's thumbnail, for lists of many masks."""
    item = await run_in_threadpool(records.item, job_id, index)
    tag = sha256_of(f"{result_of(item).mask_key} thumbnail".encode())[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": IMMUTABLE}
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(await renderings.thumbnail(item), media_type="image/png", headers=headers)
