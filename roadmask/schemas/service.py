"""The service itself as JSON: its status, its workers, its taxonomy."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from roadmask.schemas.jobs import Lane
from roadmask.schemas.wire import Wire


class Health(Wire):
    """The result of a health check."""

    status: str


class Ready(Health):
    """The result of the readiness checks."""

    checks: dict[str, str]
    """`redis`, `store`, `workers` and `reconciler`, each with `ok`. When one fails, the problem
    object has this member too, with the reason."""


class LaneStatus(Wire):
    """One lane of the queue."""

    images: int
    """Unfinished images of the lane's open jobs."""
    messages: int
    """Messages on the lane's queue; each tells a worker that a job has work."""
    images_per_second: float
    """Recent throughput of the lane's workers."""


class Worker(Wire):
    """A live worker, with the facts of its last heartbeat."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    id: str
    pid: int | None = None
    model: str | None = None
    lanes: tuple[str, ...] = ()
    consuming: tuple[str, ...] | None = None
    """The lanes whose loops prove that they take messages; None from an older worker."""
    outage: str | None = None
    """Why its last chunk could not be finished; None if it was."""
    images_per_second: float = 0.0


class ServiceStatus(Wire):
    """Version, load and limits of the service."""

    version: str
    store: str
    """`local` or `minio`."""
    lanes: dict[Lane, LaneStatus]
    workers: list[Worker]
    models: list[str]
    """Models of the live workers."""
    max_upload_bytes: int
    max_image_pixels: int
    keep_days: dict[str, int] = Field(default_factory=dict)
    """Days for which `uploads`, `masks`, `jobs` and `models` are kept; 0: for ever."""


class CategoryInfo(Wire):
    """One label of a mask."""

    index: int
    name: str
    color: tuple[int, int, int]


class TaxonomyInfo(Wire):
    """The categories of masks."""

    name: str
    void: int
    categories: list[CategoryInfo]
