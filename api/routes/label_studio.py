"""Label Studio's ML backend protocol, answered from jobs like all others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.auth import require_password
from api.backends import Backends, Wired
from api.bodies import json_body
from api.errors import Responses, problems
from api.label_studio import PredictRequest, Setup, resolve
from api.openapi import json_request
from api.renderings import render_item
from api.requests import accept
from api.routes.images import BAD_FILES
from api.uploads import scratch
from roadmask.errors import (
    ImageNotFound,
    InvalidId,
    ModelNotFound,
    QueueFull,
    RecordsUnavailable,
    RoadmaskError,
    UploadTooLarge,
)
from roadmask.formats.label_studio import brush_results
from roadmask.formats.masked_image import MaskedImage
from roadmask.images import Image
from roadmask.jobs import FINAL_STATES, ImageRef, Job, JobCreate
from roadmask.mask_formats import MaskFormat
from roadmask.masks import decode_mask
from roadmask.wire import Wire
from storage.manifest import ManifestItem

router = APIRouter(prefix="/label-studio", tags=["items"], dependencies=[Depends(require_password)])

BREATH_S = 10.0
"""Label Studio hangs up after 100 silent seconds: so often an answer in the making says a blank."""
PREDICT: dict[str, Any] = {
    "type": "object",
    "required": ["tasks"],
    "properties": {
        "tasks": {"type": "array", "items": {"type": "object"}},
        "label_config": {"type": "string", "description": "The project's labelling setup, XML."},
    },
}
PREDICTIONS: Responses = {
    200: {
        "description": "One prediction, or one error, for each task, in their order.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class Health(Wire):
    """The backend answers."""

    status: str = "UP"
    model_class: str = "Roadmask"


class SetUp(Wire):
    """What predictions are made with."""

    model_version: str


@router.get("/health", summary="Label Studio: whether the backend lives", responses=problems())
async def label_studio_health() -> Health:
    """Looks at nothing else."""
    return Health()


@router.post(
    "/setup",
    summary="Label Studio: connect a project",
    responses=problems(ModelNotFound),
)
def label_studio_setup(backends: Wired) -> SetUp:
    """The model in service. Nothing of the project is kept: each call brings what it needs."""
    return SetUp(model_version=backends.model_names.pin("default"))


@router.post(
    "/predict",
    response_class=StreamingResponse,
    summary="Label Studio: predictions for tasks",
    openapi_extra=json_request(PREDICT, {"tasks": [{"data": {"image": "scenes/000001"}}]}),
    responses=PREDICTIONS
    | problems(*BAD_FILES, ImageNotFound, InvalidId, ModelNotFound, QueueFull, UploadTooLarge),
)
async def label_studio_predict(
    wanted: Annotated[PredictRequest, Depends(json_body(TypeAdapter(PredictRequest)))],
    backends: Wired,
) -> StreamingResponse:
    """Brush strokes for each category of each task's image; for one that failed, `error` alone.

    Where the setup's `<BrushLabels>` has `model_confidence="true"`, each prediction has a `score`:
    the mean confidence of its pixels, 0 to 1.

    The answer begins at once and ends when the masks are there, however long that takes.
    """
    setup = Setup.read(wanted.label_config)
    images = await run_in_threadpool(_resolve, backends, wanted, setup)
    job = await run_in_threadpool(_submit, backends, images, setup)
    answer = _answer(backends, job, images, setup)
    return StreamingResponse(answer, media_type="application/json")


def _resolve(
    backends: Backends, wanted: PredictRequest, setup: Setup
) -> list[Image | RoadmaskError]:
    """The image of each task, or what is wrong with it. Raises when that is so of every task."""
    images: list[Image | RoadmaskError] = []
    for task in wanted.tasks:
        try:
            with scratch() as folder:
                images.append(resolve(backends, task, setup.data_key, folder))
        except RoadmaskError as error:
            if error.status >= 500:
                raise
            images.append(error)
    wrong = [image for image in images if isinstance(image, RoadmaskError)]
    if wrong and len(wrong) == len(images):
        raise wrong[0]
    return images


def _submit(backends: Backends, images: list[Image | RoadmaskError], setup: Setup) -> Job:
    items = [
        ManifestItem(image.id, None, image.sha256, image.truth_sha256)
        for image in images
        if isinstance(image, Image)
    ]
    wanted = JobCreate(
        images=[ImageRef(id=item.image) for item in items],
        name="Label Studio",
        confidence=setup.scored,
    )
    return accept(backends, wanted, items, None)[0]


async def _answer(
    backends: Backends, job: Job, images: list[Image | RoadmaskError], setup: Setup
) -> AsyncIterator[bytes]:
    """The answer: blanks as long as the job is open, then a prediction for each task."""
    while job.state not in FINAL_STATES:
        yield b" "
        try:
            job = await backends.watch.wait(job.id, BREATH_S)
        except RecordsUnavailable:
            await asyncio.sleep(1)
    before, index = b'{"results": [', 0
    for image in images:
        if isinstance(image, RoadmaskError):
            prediction = _failure(image.detail)
        else:
            prediction = await anyio.to_thread.run_sync(
                _predict, backends, job, index, setup, limiter=backends.rendering
            )
            index += 1
        yield before + json.dumps(prediction).encode()
        before = b", "
    yield b'], "model_version": ' + json.dumps(job.model).encode() + b"}"


def _predict(backends: Backends, job: Job, index: int, setup: Setup) -> dict[str, Any]:
    item = backends.records.item(job.id, index)
    if item.result is None:
        return _failure(item.error.detail if item.error else "The job was stopped.")
    masked = MaskedImage(
        decode_mask(backends.store.get(item.result.mask_key)), item.image_id, index
    )
    regions = [
        region
        for region in brush_results(masked, setup.from_name, setup.to_name)
        if not setup.labels or setup.labels.issuperset(region["value"]["brushlabels"])
    ]
    prediction: dict[str, Any] = {"model_version": item.result.artifact, "result": regions}
    if setup.scored:
        confidence = decode_mask(render_item(backends, job.id, item, MaskFormat.CONFIDENCE))
        prediction["score"] = round(float(confidence.mean()) / 255, 4)
    return prediction


def _failure(why: str) -> dict[str, Any]:
    # Without `result` Label Studio logs it, and leaves that task alone. An empty prediction would
    # count as made, and one of no model's would have it refuse those of all other tasks too.
    return {"error": why}
