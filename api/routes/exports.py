"""Exports: all results of a job in one download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.dependencies import LinksDep, RecordsDep, RenderingServiceDep
from api.errors import problems
from api.openapi import binary_answer
from api.services.archive import Archive, NamesBy, json_line
from roadmask.errors import JobNotFound
from roadmask.masks.formats.render import document
from roadmask.schemas.ids import MAX_INDEX
from roadmask.schemas.jobs import Job
from roadmask.schemas.mask_formats import DocumentFormat, MaskFormat
from roadmask.schemas.media_types import JSON, JSONL, ZIP
from storage.jobs.manifest import PART
from storage.objects.store import attachment

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_NAME = 120
"""Most characters of a job's name in a filename."""
BLOCK = 2**17
"""Smallest block of a download, bytes, except the last."""


@router.get(
    "/{job_id}/results.jsonl",
    response_class=StreamingResponse,
    summary="All items as JSON lines",
    responses=binary_answer(JSONL, description="One Item per line, in order.")
    | problems(JobNotFound),
)
def job_results(job_id: str, records: RecordsDep, links: LinksDep) -> StreamingResponse:
    """Every item with its state, and its error or result. Works while the job runs, too."""
    job = records.read(job_id)
    items = map(links.item, records.iter_items(job_id))
    return _download(map(json_line, items), JSONL, f"{_name(job)}.jsonl")


@router.get(
    "/{job_id}/archive.zip",
    response_class=StreamingResponse,
    summary="All finished masks as a zip",
    responses=binary_answer(ZIP, description="The masks and `results.jsonl`.")
    | problems(JobNotFound),
)
def job_archive(
    job_id: str,
    records: RecordsDep,
    renderings: RenderingServiceDep,
    mask_format: Annotated[
        MaskFormat | None,
        Query(alias="format", description="Default: `index`, and `png` with `stop`."),
    ] = None,
    start: Annotated[int, Query(ge=0, le=MAX_INDEX, description="Index of the first item.")] = 0,
    stop: Annotated[
        int | None,
        Query(
            ge=0,
            le=MAX_INDEX,
            description="Index after the last item. Default: to the end of the job.",
        ),
    ] = None,
    names_by: Annotated[
        NamesBy | None,
        Query(
            alias="names",
            description="Default: `file`, and `id` with `stop`, as older clients expect.",
        ),
    ] = None,
) -> StreamingResponse:
    """A mask for each finished item, and `results.jsonl`.

    With names by `file`, the mask of the item with the `custom_id` `front/1.jpg` is
    `masks/front/1.png`. It keeps the suffix (`masks/front/1.jpg.png`) if another item has the same
    name without it. An item without a `custom_id` is named by the id of its image. The lines of
    `results.jsonl` have the name as `mask`. With names by `id`, it is `masks/<image id>.png`.

    Finished items whose masks are missing or damaged are in `left_out.jsonl`, with the cause.

    Other formats have their own suffix. With `start` and `stop` the archive holds a part of the
    job. Works while the job runs, too.
    """
    job = records.read(job_id)
    items = partial(records.iter_items, job_id, start, stop)
    if stop is not None and stop - start <= PART:
        # A part fits into memory. It is read once, because clients fetch a job in many parts.
        part = list(items())
        items = partial(iter, part)
    if mask_format is None:
        mask_format = MaskFormat.INDEX if stop is None else MaskFormat.PNG
    by_file = names_by == "file" or (names_by is None and stop is None)
    names = renderings.names(job, start, stop) if by_file else None
    archive = Archive(renderings, job, items, mask_format, names)
    return _download(archive.blocks(), ZIP, f"{_name(job)}.{mask_format}.zip")


@router.get(
    "/{job_id}/annotations",
    response_class=StreamingResponse,
    summary="All finished masks in one document",
    responses=binary_answer(
        JSON, "application/xml", description="A document for import in another tool."
    )
    | problems(JobNotFound),
)
def job_annotations(
    job_id: str,
    records: RecordsDep,
    renderings: RenderingServiceDep,
    document_format: Annotated[DocumentFormat, Query(alias="format")] = MaskFormat.COCO,
) -> StreamingResponse:
    """One document for COCO's tools, Label Studio or CVAT. Works while the job runs, too."""
    job = records.read(job_id)
    blocks = document(renderings.masked_images(job_id), document_format)
    filename = f"{_name(job)}.{document_format}{document_format.suffix}"
    return _download(blocks, document_format.media_type, filename)


def _name(job: Job) -> str:
    """The name of the job or of its dataset, made safe for a filename; without both, its id."""
    # File systems refuse these characters, and a dot in front hides a file.
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f\x7f]+', "-", job.name or job.dataset or "").strip(" .-")
    return name[:MAX_NAME] or job.id


def _download(blocks: Iterator[bytes], media_type: str, filename: str) -> StreamingResponse:
    headers = {"Content-Disposition": attachment(filename)}
    return StreamingResponse(_gathered(blocks), media_type=media_type, headers=headers)


def _gathered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in larger blocks, because each block costs a thread switch and all middleware."""
    gathered: list[bytes] = []
    size = 0
    for block in blocks:
        gathered.append(block)
        size += len(block)
        if size >= BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
