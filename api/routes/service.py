"""The service itself: status, liveness, readiness, and the taxonomy of its masks."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter

from api.dependencies import ReadinessDep, RedisDep, SettingsDep
from api.errors import problems
from roadmask.errors import (
    ReconcilerStalled,
    RecordsUnavailable,
    StoreUnavailable,
    WorkersUnavailable,
)
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.jobs import Lane
from roadmask.schemas.service import (
    CategoryInfo,
    Health,
    LaneStatus,
    Ready,
    ServiceStatus,
    TaxonomyInfo,
    Worker,
)
from storage.erasure.garbage import keep_days
from storage.telemetry.service_state import ServiceState, read_service_state

router = APIRouter(tags=["service"])


@router.get(
    "/v1/taxonomy",
    summary="The categories of masks",
    responses=problems(),
)
async def get_taxonomy() -> TaxonomyInfo:
    """Index, name and colour of each category."""
    categories = [
        CategoryInfo(index=category.index, name=category.name, color=category.color)
        for category in CITYSCAPES.categories
    ]
    return TaxonomyInfo(name=CITYSCAPES.name, void=CITYSCAPES.void, categories=categories)


@router.get(
    "/v1/service",
    summary="Status of the service",
    responses=problems(),
)
def get_service(settings: SettingsDep, redis: RedisDep) -> ServiceStatus:
    """Queues, workers, models and limits."""
    state = read_service_state(redis)
    live = [Worker(**worker.model_dump(exclude_unset=True)) for worker in state.workers]
    return ServiceStatus(
        version=version("roadmask"),
        store=settings.store,
        lanes={lane: _lane(state, lane) for lane in Lane},
        workers=live,
        models=sorted({worker.model for worker in live if worker.model}),
        max_upload_bytes=settings.max_upload_bytes,
        max_image_pixels=settings.max_image_pixels,
        keep_days=keep_days(settings),
    )


@router.get("/healthz", summary="Liveness")
async def healthz() -> Health:
    """Checks nothing but the process: restart it when it does not answer."""
    return Health(status="alive")


@router.get(
    "/readyz",
    summary="Readiness",
    responses=problems(
        common=(RecordsUnavailable, StoreUnavailable, WorkersUnavailable, ReconcilerStalled)
    ),
)
async def readyz(readiness: ReadinessDep) -> Ready:
    """Whether a job that is sent now would be done. Answers within 2 seconds.

    Writes to Redis and to the object store, and checks that each lane has a worker that consumes
    it and that the reconciler does its rounds. The problem names the first cause; its member
    `checks` has all of them.
    """
    found = await readiness.run()
    if problem := found.problem:
        raise problem
    return Ready(status="ready", checks=found.summary())


def _lane(state: ServiceState, lane: Lane) -> LaneStatus:
    rates = (worker.images_per_second for worker in state.consumers(lane))
    return LaneStatus(
        images=state.lanes[lane].items,
        messages=state.lanes[lane].messages,
        images_per_second=round(sum(rates), 2),
    )
