"""The service itself: what it is, whether it lives, whether it can work, what labels mean."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from api.auth import require_key
from api.backends import Backends, Wired
from api.errors import problems
from roadmask.categories import CITYSCAPES
from roadmask.errors import RecordsUnavailable, StoreUnavailable
from roadmask.jobs import Lane
from roadmask.wire import Wire
from storage.connections import records_guard
from storage.roll import Roll

router = APIRouter(tags=["service"])


class Alive(Wire):
    """The process answers."""

    status: str


class LaneStatus(Wire):
    """One lane of the queue."""

    images: int
    """Images of the lane's open jobs that are not done."""
    messages: int
    """Messages on the lane's queue, each a wake-up call for one job."""
    images_per_second: float
    """Recent throughput of the workers that serve this lane."""


class Worker(BaseModel):
    """A worker that is alive, as it describes itself."""

    model_config = ConfigDict(extra="allow")

    id: str
    model: str | None = None
    lanes: list[str] = []
    images_per_second: float = 0.0


class Service(Wire):
    """What the service is and how it is doing."""

    version: str
    store: str
    """`local` or `minio`."""
    lanes: dict[Lane, LaneStatus]
    workers: list[Worker]
    models: list[str]
    """What the living workers serve."""
    max_upload_bytes: int
    max_image_pixels: int


class CategoryInfo(Wire):
    """One label of a mask."""

    index: int
    name: str
    color: tuple[int, int, int]


class TaxonomyInfo(Wire):
    """What the numbers in masks mean."""

    name: str
    void: int
    categories: list[CategoryInfo]


@router.get(
    "/v1/taxonomy",
    dependencies=[Depends(require_key)],
    summary="What the numbers in masks mean",
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
    dependencies=[Depends(require_key)],
    summary="How the service is doing",
    responses=problems(),
)
def get_service(backends: Wired) -> Service:
    """Queues, workers, models and limits."""
    workers = [Worker(**facts) for facts in Roll(backends.redis).alive()]
    return Service(
        version=version("roadmask"),
        store=backends.settings.store,
        lanes={lane: _lane(backends, lane, workers) for lane in Lane},
        workers=workers,
        models=sorted({worker.model for worker in workers if worker.model}),
        max_upload_bytes=backends.settings.max_upload_bytes,
        max_image_pixels=backends.settings.max_image_pixels,
    )


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Alive:
    """Looks at nothing else: restart the process when this does not answer."""
    return Alive(status="alive")


@router.get(
    "/readyz",
    summary="Whether the service can work",
    responses=problems(everywhere=(RecordsUnavailable, StoreUnavailable)),
)
def readyz(backends: Wired) -> Alive:
    """Asks Redis and the object store: send no traffic here when this fails."""
    with records_guard():
        backends.redis.ping()
    backends.store.check()
    return Alive(status="ready")


def _lane(backends: Backends, lane: Lane, workers: list[Worker]) -> LaneStatus:
    rates = (worker.images_per_second for worker in workers if lane in worker.lanes)
    return LaneStatus(
        images=backends.records.waiting(lane),
        messages=backends.dispatch.depth(lane),
        images_per_second=round(sum(rates), 2),
    )
