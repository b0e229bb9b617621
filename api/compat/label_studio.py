"""Label Studio's ML backend protocol. Predictions come from jobs, like all masks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Body, Depends
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.bodies.json_body import JsonRoute
from api.bodies.uploads import temporary_folder
from api.compat.label_studio_tasks import LabelingConfig, PredictRequest, TaskImages
from api.dependencies import (
    CallerDep,
    CatalogueDep,
    ImageServiceDep,
    JobServiceDep,
    LimiterDep,
    RecordsDep,
    RenderingServiceDep,
    ResolverDep,
    SettingsDep,
    WatcherDep,
    check_submission,
)
from api.errors import Responses, problems
from api.routes.images import UPLOAD_ERRORS
from api.services.jobs import JobImage, JobService
from api.services.renderings import RenderingService
from roadmask.errors import (
    ImageNotFound,
    InvalidId,
    ModelNotFound,
    QueueFull,
    RecordsUnavailable,
    RoadmaskError,
    UploadTooLarge,
)
from roadmask.masks.codec import decode_mask
from roadmask.masks.formats.label_studio import brush_results
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.schemas.images import Image
from roadmask.schemas.jobs import FINAL_STATES, ImageRef, Job, JobCreate
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.media_types import JSON
from roadmask.schemas.wire import Wire
from storage.access.caller import Caller
from storage.jobs.records import JobRecords
from storage.jobs.watching.watcher import JobWatcher

router = APIRouter(prefix="/label-studio", tags=["items"], route_class=JsonRoute)

KEEP_ALIVE_S = 10.0
"""Seconds between keep-alive spaces: Label Studio disconnects after 100 s of silence."""
PREDICTIONS: Responses = {
    200: {
        "description": "One prediction or one error for each task, in the order of the tasks.",
        "content": {JSON: {"schema": {"type": "object"}}},
    }
}


class LabelStudioHealth(Wire):
    """The backend is up."""

    status: str = "UP"
    model_class: str = "Roadmask"


class LabelStudioSetup(Wire):
    """The model of the predictions."""

    model_version: str


@dataclass(frozen=True)
class Predictions:
    """Makes Label Studio's predictions from a job's masks."""

    records: JobRecords
    renderings: RenderingService
    watcher: JobWatcher
    limiter: anyio.CapacityLimiter

    async def stream(
        self, job: Job, images: list[Image | RoadmaskError], config: LabelingConfig
    ) -> AsyncIterator[bytes]:
        """The answer: spaces while the job is open, then a prediction or an error for each task."""
        while job.state not in FINAL_STATES:
            yield b" "
            try:
                job = await self.watcher.wait(job.id, KEEP_ALIVE_S)
            except RecordsUnavailable:
                await asyncio.sleep(1)
            except RoadmaskError:
                break  # The job was erased, for example. Each task below gets the error.
        separator, index = b'{"results": [', 0
        for image in images:
            if isinstance(image, RoadmaskError):
                prediction = _failure(image.detail)
            else:
                prediction = await anyio.to_thread.run_sync(
                    self._prediction, job, index, config, limiter=self.limiter
                )
                index += 1
            yield separator + json.dumps(prediction).encode()
            separator = b", "
        yield b'], "model_version": ' + json.dumps(job.model).encode() + b"}"

    def _prediction(self, job: Job, index: int, config: LabelingConfig) -> dict[str, Any]:
        # The answer has begun, so an exception would cut off the later tasks.
        try:
            return self._predict(job, index, config)
        except RoadmaskError as error:
            return _failure(error.detail)

    def _predict(self, job: Job, index: int, config: LabelingConfig) -> dict[str, Any]:
        item = self.records.item(job.id, index)
        if item.result is None:
            return _failure(item.error.detail if item.error else "The job was canceled.")
        png = self.renderings.render_now(job.id, item, MaskFormat.PNG)
        masked = MaskedImage(decode_mask(png), item.image_id, index)
        regions = [
            region
            for region in brush_results(masked, config.from_name, config.to_name)
            if not config.labels or config.labels.issuperset(region["value"]["brushlabels"])
        ]
        prediction: dict[str, Any] = {"model_version": item.result.artifact, "result": regions}
        if config.with_confidence:
            png = self.renderings.render_now(job.id, item, MaskFormat.CONFIDENCE)
            prediction["score"] = round(float(decode_mask(png).mean()) / 255, 4)
        return prediction


async def _task_images(
    settings: SettingsDep, catalogue: CatalogueDep, images: ImageServiceDep, caller: CallerDep
) -> TaskImages:
    return TaskImages(settings, catalogue, images, caller)


async def _predictions(
    records: RecordsDep, renderings: RenderingServiceDep, watcher: WatcherDep, limiter: LimiterDep
) -> Predictions:
    return Predictions(records, renderings, watcher, limiter)


@router.get("/health", summary="Label Studio: liveness of the backend", responses=problems())
async def label_studio_health() -> LabelStudioHealth:
    """Checks nothing but the process."""
    return LabelStudioHealth()


@router.post(
    "/setup",
    summary="Label Studio: connect a project",
    responses=problems(ModelNotFound),
)
def label_studio_setup(resolver: ResolverDep) -> LabelStudioSetup:
    """Returns the model in service. The service stores nothing of the project."""
    return LabelStudioSetup(model_version=resolver.resolve("default"))


@router.post(
    "/predict",
    response_class=StreamingResponse,
    summary="Label Studio: predictions for tasks",
    dependencies=[Depends(check_submission)],
    responses=PREDICTIONS
    | problems(
        *UPLOAD_ERRORS,
        ImageNotFound,
        InvalidId,
        ModelNotFound,
        QueueFull,
        UploadTooLarge,
    ),
)
async def label_studio_predict(
    predict_request: Annotated[
        PredictRequest, Body(examples=[{"tasks": [{"data": {"image": "scenes/000001"}}]}])
    ],
    jobs: JobServiceDep,
    caller: CallerDep,
    task_images: Annotated[TaskImages, Depends(_task_images)],
    predictions: Annotated[Predictions, Depends(_predictions)],
) -> StreamingResponse:
    """Returns brush strokes for each category of each task's image, or an `error` for the task.

    With `model_confidence="true"` on `<BrushLabels>`, each prediction has a `score`: the mean
    confidence of its pixels, 0 to 1.

    The answer begins at once and ends when the masks are finished, however long that takes.
    """
    config = LabelingConfig.parse(predict_request.label_config)
    images = await run_in_threadpool(_find_images, task_images, predict_request, config)
    job = await run_in_threadpool(_create_job, jobs, images, config, caller)
    return StreamingResponse(predictions.stream(job, images, config), media_type=JSON)


def _find_images(
    task_images: TaskImages, predict_request: PredictRequest, config: LabelingConfig
) -> list[Image | RoadmaskError]:
    """The image of each task, or its error. Raises the first error when all tasks have one."""
    images: list[Image | RoadmaskError] = []
    for task in predict_request.tasks:
        try:
            with temporary_folder() as folder:
                images.append(task_images.find(task, config.data_key, folder))
        except RoadmaskError as error:
            if error.status >= 500:
                raise
            images.append(error)
    errors = [image for image in images if isinstance(image, RoadmaskError)]
    if errors and len(errors) == len(images):
        raise errors[0]
    return images


def _create_job(
    jobs: JobService, images: list[Image | RoadmaskError], config: LabelingConfig, caller: Caller
) -> Job:
    found = [image for image in images if isinstance(image, Image)]
    job_create = JobCreate(
        images=[ImageRef(id=image.id) for image in found],
        name="Label Studio",
        confidence=config.with_confidence,
    )
    return jobs.create_from_images(job_create, map(JobImage, found), caller, None).job


def _failure(reason: str) -> dict[str, Any]:
    # Without `result`, Label Studio logs the error and skips the task. An empty `result` would be
    # stored, and a prediction without a model would make Label Studio refuse all predictions.
    return {"error": reason}
