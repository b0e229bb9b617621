"""Exports: a whole job as one download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from api.archive import json_lines, zip_masks
from api.auth import require_key
from api.backends import Wired
from api.errors import problems
from api.openapi import binary_answer
from api.renderings import masked_images
from roadmask.errors import JobNotFound
from roadmask.formats.render import document
from roadmask.mask_formats import DocumentFormat, MaskFormat

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_key)])


@router.get(
    "/{job_id}/results.jsonl",
    response_class=StreamingResponse,
    summary="All items as JSON lines",
    responses=binary_answer("application/jsonl", description="One Item a line, in order.")
    | problems(JobNotFound),
)
def job_results(job_id: str, backends: Wired) -> StreamingResponse:
    """Every item with its state, its error or its result; also while the job runs."""
    backends.records.read(job_id)
    items = map(backends.links.item, backends.records.results(job_id))
    return _download(json_lines(items), "application/jsonl", f"{job_id}.jsonl")


@router.get(
    "/{job_id}/archive.zip",
    response_class=StreamingResponse,
    summary="All finished masks as a zip",
    responses=binary_answer("application/zip", description="The masks and `results.jsonl`.")
    | problems(JobNotFound),
)
def job_archive(
    job_id: str,
    backends: Wired,
    form: Annotated[MaskFormat, Query(alias="format")] = MaskFormat.PNG,
    start: Annotated[int, Query(ge=0, description="Index of the first item.")] = 0,
    stop: Annotated[
        int | None, Query(ge=0, description="Index behind the last item; by default all follow.")
    ] = None,
) -> StreamingResponse:
    """`masks/<image id>.png` for each finished item, and `results.jsonl`; also while it runs.

    In other formats than `png` the masks have its suffix. With `start` and `stop` it is a part of
    the job: many masks in one answer.
    """
    job = backends.records.read(job_id)
    blocks = zip_masks(backends, job, form, start, stop)
    return _download(blocks, "application/zip", f"{job_id}.zip")


@router.get(
    "/{job_id}/annotations",
    response_class=StreamingResponse,
    summary="All finished masks in one document",
    responses=binary_answer(
        "application/json", "application/xml", description="A document that another tool imports."
    )
    | problems(JobNotFound),
)
def job_annotations(
    job_id: str,
    backends: Wired,
    form: Annotated[DocumentFormat, Query(alias="format")] = MaskFormat.COCO,
) -> StreamingResponse:
    """For COCO's tools, Label Studio or CVAT; also while the job runs."""
    backends.records.read(job_id)
    blocks = document(masked_images(backends, job_id), form)
    return _download(blocks, form.media_type, f"{job_id}.{form}{form.suffix}")


def _download(blocks: Iterator[bytes], media_type: str, filename: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(blocks, media_type=media_type, headers=headers)
