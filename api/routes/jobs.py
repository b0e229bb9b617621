"""Jobs: create, list, follow, cancel, retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Backends, Wired, backends_of
from api.bodies import parse, read_json
from api.errors import problems
from api.forms import is_form, receive_form
from api.intake import keep_anyway
from api.listing import MAX_BYTES, is_listing, read_images, read_job
from api.openapi import answer, job_request
from api.requests import accept, items_of, looked_up, wake
from api.uploads import receive_file, scratch
from api.waiting import Prefer, Wait, waiting_time
from roadmask.errors import (
    IdempotencyConflict,
    ImageNotFound,
    InvalidId,
    InvalidRequest,
    JobClosed,
    JobNotFound,
    ModelNotFound,
    QueueFull,
    UnsupportedFormat,
    UploadTooLarge,
    WebhookNotAllowed,
)
from roadmask.jobs import FINAL_STATES, ImageRef, Job, JobCreate, JobPage, JobState, Lane
from storage.manifest import ManifestItem

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_key)])

REQUEST = TypeAdapter(JobCreate)
LONGEST_CUSTOM_ID = 256


@router.post(
    "",
    status_code=202,
    summary="Ask for masks",
    openapi_extra=job_request(),
    responses=answer(200, "The job has ended, or is that of the same Idempotency-Key.", Job)
    | problems(
        ImageNotFound,
        ModelNotFound,
        InvalidId,
        IdempotencyConflict,
        QueueFull,
        UploadTooLarge,
        UnsupportedFormat,
        WebhookNotAllowed,
    ),
)
async def create_job(
    request: Request,
    backends: Wired,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=256, description="Repeating it yields the same job."),
    ] = None,
    wait: Wait = None,
    prefer: Prefer = None,
) -> Job:
    """Takes ids as JSON, or the images themselves as a form. The answer says where to go next.

    With `wait` it comes once the job ended, which for one image saves asking, or the time is over.

    Long lists of ids go as JSON lines: the first line is the job, each one after it an image.
    In a form a file that is no image becomes an item that fails alone, with its cause.
    """
    if is_form(request):
        job, replayed = await _from_form(request, backends, idempotency_key)
    elif is_listing(request):
        job, replayed = await _from_listing(request, backends, idempotency_key)
    else:
        wanted = await read_json(request, REQUEST)
        job, replayed = await run_in_threadpool(_from_ids, backends, wanted, idempotency_key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if replayed:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
    seconds, preferred = waiting_time(wait, prefer)
    if seconds:
        job = await backends.watch.wait(job.id, seconds)
        response.headers.update(preferred)
        if job.state in FINAL_STATES:
            response.status_code = 200
    return backends.links.job(job)


@router.get("", summary="List jobs", responses=problems())
def list_jobs(
    backends: Wired,
    state: Annotated[list[JobState] | None, Query(description="One or more states.")] = None,
    lane: Lane | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> JobPage:
    """Newest first."""
    page = backends.records.page(cursor=cursor, limit=limit, states=state, lane=lane)
    return page.model_copy(update={"jobs": [backends.links.job(job) for job in page.jobs]})


@router.get("/{job_id}", summary="One job", response_model=Job, responses=problems(JobNotFound))
async def get_job(
    job_id: str,
    request: Request,
    wait: Wait = None,
    prefer: Prefer = None,
) -> Response:
    """How the job is doing; with `wait` the answer comes once it ended or the time is over."""
    backends = backends_of(request)
    seconds, preferred = waiting_time(wait, prefer)
    watch = backends.watch
    job = await (watch.wait(job_id, seconds) if seconds else watch.read(job_id))
    # Clients ask this more often than all else: it is spared being checked by FastAPI once more.
    body = backends.links.job(job).model_dump_json()
    return Response(body, headers=preferred, media_type="application/json")


@router.post("/{job_id}/cancel", summary="Stop a job", responses=problems(JobNotFound))
def cancel_job(job_id: str, backends: Wired) -> Job:
    """Finished masks are kept; canceling an ended job changes nothing."""
    return backends.links.job(backends.records.cancel(job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    summary="Run the failed items again",
    responses=problems(JobNotFound, JobClosed),
)
def retry_job(job_id: str, backends: Wired) -> Job:
    """Opens an ended job again; what succeeded stays as it is."""
    job = backends.records.retry(job_id)
    wake(backends, job)
    return backends.links.job(job)


def _from_ids(backends: Backends, request: JobCreate, key: str | None) -> tuple[Job, bool]:
    return accept(backends, request, items_of(backends, request), key)


async def _from_listing(request: Request, backends: Backends, key: str | None) -> tuple[Job, bool]:
    with scratch() as folder:
        upload = await receive_file(request, folder, MAX_BYTES)

        def take() -> tuple[Job, bool]:
            wanted = read_job(upload.path)
            items = looked_up(backends, read_images(upload.path))
            return accept(backends, wanted, items, key, upload.sha256)

        return await run_in_threadpool(take)


async def _from_form(request: Request, backends: Backends, key: str | None) -> tuple[Job, bool]:
    with scratch() as folder:
        form = await receive_form(request, folder, backends.settings.max_upload_bytes)
        wanted = parse(REQUEST, form.texts.get("job", "{}"))
        if wanted.images or wanted.dataset or wanted.prefix:
            raise InvalidRequest("In a form the files are the images: leave out the other ways.")
        items = []
        for file in form.files:
            image = await run_in_threadpool(keep_anyway, backends, file)
            custom_id = (file.filename or "")[:LONGEST_CUSTOM_ID] or None
            items.append(ManifestItem(image, custom_id, file.sha256, None))
    images = [ImageRef(id=item.image, custom_id=item.custom_id) for item in items]
    wanted = wanted.model_copy(update={"images": images})
    return await run_in_threadpool(accept, backends, wanted, items, key)
