"""Jobs: create, list, poll, cancel, retry."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import Field, TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.bodies.json_body import JOB_CREATE, parse_json, read_json
from api.bodies.multipart import is_form, receive_form
from api.bodies.ndjson import MAX_NDJSON_BYTES, is_ndjson, read_images, read_job
from api.bodies.uploads import receive_file, temporary_folder
from api.dependencies import (
    CallerDep,
    DisagreementServiceDep,
    ImageServiceDep,
    JobServiceDep,
    LinksDep,
    RecordsDep,
    SettingsDep,
    StreamsDep,
    WatcherDep,
    check_submission,
    components_of,
)
from api.errors import problems
from api.long_polling import Prefer, Wait, waiting_time
from api.openapi import REF, answer, form_with_files, request_body
from api.services.images import ImageService
from api.services.jobs import JobService
from roadmask.errors import (
    BodyCompressed,
    IdempotencyConflict,
    ImageNotFound,
    InvalidId,
    InvalidRequest,
    JobClosed,
    JobNotFound,
    ModelNotFound,
    QueueFull,
    QuotaExceeded,
    TooManyRequests,
    UploadTooLarge,
    WebhookNotAllowed,
)
from roadmask.schemas.ids import MAX_ID, MAX_INDEX
from roadmask.schemas.jobs import (
    FINAL_STATES,
    DisagreementPage,
    ImageRef,
    Job,
    JobCreate,
    JobPage,
    JobState,
    Lane,
    ScoreReport,
)
from roadmask.schemas.media_types import FORM_DATA, JSON, NDJSON
from storage.access.caller import Caller
from storage.jobs.manifest import ManifestItem
from storage.jobs.records import Accepted

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

log = logging.getLogger(__name__)

LONG_JOB_BYTES = 4 * 2**10
"""Validation of a longer request stops at its first error, because an error takes about 1 kB."""
MAX_IMAGES = 10_000
"""Images of a job in JSON. JSON lines have no such limit."""


class LongJobCreate(JobCreate):
    """A `JobCreate` with many images."""

    images: list[ImageRef] | None = Field(None, fail_fast=True)


LONG_JOB_CREATE = TypeAdapter(LongJobCreate)


@router.post(
    "",
    status_code=202,
    summary="Create a job",
    dependencies=[Depends(check_submission)],
    openapi_extra=request_body(
        {
            JSON: {"$ref": REF.format(model="JobCreate")},
            NDJSON: {
                "type": "string",
                "description": "The first line is a JobCreate without images, each line after it "
                "an ImageRef.",
            },
            FORM_DATA: form_with_files(
                job={"type": "string", "description": "A JobCreate without images, as JSON."}
            ),
        }
    ),
    responses=answer(200, "The job has ended, or the same Idempotency-Key created it before.", Job)
    | problems(
        ImageNotFound,
        ModelNotFound,
        InvalidId,
        IdempotencyConflict,
        QueueFull,
        QuotaExceeded,
        UploadTooLarge,
        BodyCompressed,
        WebhookNotAllowed,
    ),
)
async def create_job(
    request: Request,
    response: Response,
    settings: SettingsDep,
    jobs: JobServiceDep,
    images: ImageServiceDep,
    watcher: WatcherDep,
    streams: StreamsDep,
    links: LinksDep,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=256, description="Repeating it returns the same job."),
    ] = None,
    wait: Wait = None,
    prefer: Prefer = None,
) -> Job:
    """Takes image ids as JSON, or the images themselves as a form. Returns the URLs of the job.

    With `wait`, the answer comes when the job has ended, or when that time is over.

    Send long lists of ids as JSON lines: the first line is the job, each line after it an image.
    In a form, a file that is no image becomes an item that fails alone, with its cause.
    """
    if is_form(request):
        job, replayed = await _create_from_form(
            request, settings.max_upload_bytes, jobs, images, caller, idempotency_key
        )
    elif is_ndjson(request):
        job, replayed = await _create_from_ndjson(request, jobs, caller, idempotency_key)
    else:
        job_create = _parse_job(await read_json(request))
        job, replayed = await run_in_threadpool(jobs.create, job_create, caller, idempotency_key)
    response.headers["Location"] = links.job_path(job.id)
    if replayed:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
    seconds, preferred = waiting_time(wait, prefer)
    if seconds:
        # The job is accepted, so an error while the client waits must not change the answer.
        try:
            with streams.one_of(request):
                job = await watcher.wait(job.id, seconds)
            response.headers.update(preferred)
            if job.state in FINAL_STATES:
                response.status_code = 200
        except Exception as error:
            log.warning("job %s is accepted, but its client cannot wait: %r", job.id, error)
    return links.job(job)


@router.get("", summary="List jobs", responses=problems())
def list_jobs(
    records: RecordsDep,
    links: LinksDep,
    caller: CallerDep,
    state: Annotated[
        list[JobState] | None, Query(description="Only jobs in one of these states.")
    ] = None,
    lane: Lane | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
) -> JobPage:
    """The jobs of the key, newest first; all jobs for an admin key, or without keys."""
    page = records.page(cursor=cursor, limit=limit, states=state, lane=lane, caller=caller)
    return page.model_copy(update={"jobs": [links.job(job) for job in page.jobs]})


@router.get(
    "/{job_id}",
    summary="One job",
    response_model=Job,
    responses=problems(JobNotFound, TooManyRequests),
)
async def get_job(
    job_id: str,
    request: Request,
    wait: Wait = None,
    prefer: Prefer = None,
) -> Response:
    """The job's state and progress.

    With `wait`, the answer comes when the job has ended, or when that time is over.
    """
    # Clients poll this route more than any other, so it skips dependencies and response validation.
    components = components_of(request)
    watcher = components.watcher
    seconds, preferred = waiting_time(wait, prefer)
    if seconds:
        with components.streams.one_of(request):
            job = await watcher.wait(job_id, seconds)
    else:
        job = await watcher.read(job_id)
    components.eta_accuracy.observe(job)
    body = components.links.job(job).model_dump_json()
    return Response(body, headers=preferred, media_type=JSON)


@router.get("/{job_id}/scores", summary="A job's scores", responses=problems(JobNotFound))
def job_scores(job_id: str, records: RecordsDep) -> ScoreReport:
    """The confusion matrix, and the mean IoU per image with its interval."""
    return records.score_report(job_id)


@router.get(
    "/{job_id}/disagreement", summary="Where two jobs disagree", responses=problems(JobNotFound)
)
async def get_disagreement(
    job_id: str,
    request: Request,
    disagreement: DisagreementServiceDep,
    other: Annotated[str, Query(description="Id of the other job, over the same images.")],
    cursor: Annotated[
        int, Query(ge=0, le=MAX_INDEX, description="Index of the first item: `next` of a page.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DisagreementPage:
    """Compares the masks pixel by pixel, some items at a time.

    Items are matched by the bytes of their images. A page ends after about 2 s.
    """
    await components_of(request).access.check_use(other, request)
    return await run_in_threadpool(disagreement.page, job_id, other, cursor, limit)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problems(JobNotFound))
def cancel_job(job_id: str, records: RecordsDep, links: LinksDep) -> Job:
    """Finished masks are kept. Canceling an ended job changes nothing."""
    return links.job(records.cancel(job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    summary="Run the failed items again",
    dependencies=[Depends(check_submission)],
    responses=problems(JobNotFound, JobClosed),
)
def retry_job(job_id: str, jobs: JobServiceDep, links: LinksDep) -> Job:
    """Opens an ended job again. Items that succeeded keep their results."""
    return links.job(jobs.retry(job_id))


def _parse_job(body: bytes) -> JobCreate:
    is_long = len(body) > LONG_JOB_BYTES
    job_create = parse_json(LONG_JOB_CREATE, body) if is_long else parse_json(JOB_CREATE, body)
    # Checked here, because Pydantic's error would contain all images.
    if (count := len(job_create.images or ())) > MAX_IMAGES:
        raise InvalidRequest(
            f"images: There are {count:,}, and JSON has at most {MAX_IMAGES:,}. Send more as JSON "
            "lines (Content-Type: application/x-ndjson)."
        )
    return job_create


async def _create_from_ndjson(
    request: Request, jobs: JobService, caller: Caller, idempotency_key: str | None
) -> Accepted:
    with temporary_folder() as folder:
        upload = await receive_file(request, folder, MAX_NDJSON_BYTES)

        def create() -> Accepted:
            refs = read_images(upload.path)
            job_create = read_job(upload.path)
            return jobs.create_from_refs(job_create, refs, caller, idempotency_key, upload.sha256)

        return await run_in_threadpool(create)


async def _create_from_form(
    request: Request,
    max_bytes: int,
    jobs: JobService,
    images: ImageService,
    caller: Caller,
    idempotency_key: str | None,
) -> Accepted:
    with temporary_folder() as folder:
        form = await receive_form(request, folder, max_bytes, texts=("job",))
        job_create = parse_json(JOB_CREATE, form.texts.get("job", "{}"))
        if job_create.images or job_create.dataset or job_create.prefix:
            raise InvalidRequest(
                "The files of a form are the images: leave out `images`, `dataset` and `prefix`."
            )
        items = []
        for file in form.files:
            image_id = await run_in_threadpool(images.add_unchecked, file, caller)
            custom_id = (file.filename or "")[-MAX_ID:] or None
            items.append(ManifestItem(image_id, custom_id, file.sha256, None))
    refs = [ImageRef(id=item.image, custom_id=item.custom_id) for item in items]
    job_create = job_create.model_copy(update={"images": refs})
    return await run_in_threadpool(
        jobs.create_from_items, job_create, items, caller, idempotency_key
    )
