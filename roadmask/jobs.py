"""Jobs and Items: their states, and how they look on the wire."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from roadmask.job_urls import JobUrls
from roadmask.wire import Page, Wire


class Lane(StrEnum):
    """Which queue a job waits in."""

    INTERACTIVE = "interactive"
    """Somebody is waiting: served before any batch."""
    BATCH = "batch"
    """A folder, a dataset: served when no interactive item waits."""


class JobState(StrEnum):
    """The life of a Job. The last five never change again, save by a retry of failed items."""

    QUEUED = "queued"
    """Accepted; no item was begun."""
    RUNNING = "running"
    """At least one item was begun."""
    SUCCEEDED = "succeeded"
    """Every item has its mask."""
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    """Every item ended; some failed, each with its cause."""
    FAILED = "failed"
    """No item succeeded, or more failed than `error_threshold` allows."""
    CANCELED = "canceled"
    """Stopped on request; finished masks are kept."""
    EXPIRED = "expired"
    """Not finished by its deadline; finished masks are kept."""


OPEN_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})
"""States of a job that still has work."""
FINAL_STATES = frozenset(JobState) - OPEN_STATES
"""States of a job that ended."""


class ItemState(StrEnum):
    """The life of an Item."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    """Its job was canceled, expired or failed before this item was finished."""


FINAL_ITEM_STATES = frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.CANCELED})

SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
IMAGE_ID = rf"^{SEGMENT}(/{SEGMENT}){{0,7}}$"
"""Ids of images: `dataset/name…` (catalogued) or `sha256-<64 hex>` (uploaded)."""

ImageId = Annotated[str, StringConstraints(pattern=IMAGE_ID, max_length=512)]
CustomId = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class ImageRef(Wire):
    """One image of a job request."""

    id: ImageId
    custom_id: CustomId | None = None
    """The client's own name for the item, given back with its result."""


class JobCreate(Wire):
    """A request for a job: `images`, or a `dataset`, or an id `prefix` (exactly one of them)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "examples": [
                {"images": [{"id": "scenes/000001", "custom_id": "front-1"}]},
                {"dataset": "scenes", "lane": "batch", "name": "nightly", "error_threshold": 0.1},
            ]
        }
    )

    images: list[ImageRef] | None = None
    dataset: ImageId | None = None
    prefix: str | None = Field(None, min_length=1, max_length=512)
    name: str | None = Field(None, max_length=200)
    """A label for people."""
    model: str = Field("default", max_length=200)
    """A model by name, version or `name@version`; `default` is the one in service. What it stands
    for when the job is accepted makes all its masks."""
    lane: Lane | None = None
    """Default: `interactive` up to 8 images, `batch` beyond."""
    confidence: bool = False
    """Each mask gets its confidence beside it, which costs the worker more time an image."""
    error_threshold: float | None = Field(None, ge=0, le=1)
    """The job stops as `failed` once more than this share of its items failed. Default: never."""
    deadline_s: float | None = Field(None, gt=0)
    """The job stops as `expired` when it has not ended this many seconds after it was accepted."""
    webhook: str | None = Field(None, max_length=2000)
    """URL that is told how the job ended, at a host that the service's operator allows."""


class Counts(Wire):
    """How many items are in which state; they add up to `total`."""

    total: int
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    cached: int = 0
    """Of the succeeded ones, those whose mask was there already: nothing was inferred."""


class Problem(Wire):
    """Why something failed: the stable code and words for people."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    code: str
    title: str
    detail: str
    retryable: bool = False


class CategoryScore(Wire):
    """Scores of one category; `None` where neither mask has a pixel of it."""

    iou: float | None
    dice: float | None
    accuracy: float | None = None
    """Share of its pixels in the truth that are right; older records lack it."""
    pixels: int
    """Pixels of this category in the truth."""


class Scores(Wire):
    """Agreement of predicted masks with the truth, void pixels of the truth ignored."""

    accuracy: float | None
    """Share of pixels with the right category."""
    mean_iou: float | None
    """Mean of the IoU of the real categories that occur."""
    mean_dice: float | None
    frequency_weighted_iou: float | None = None
    """Mean of the IoU weighted by each category's pixels in the truth; older records lack it."""
    per_category: dict[str, CategoryScore]
    images: int
    """Number of images with a truth that went into this."""


class Result(Wire):
    """What a succeeded item has."""

    mask_key: str
    """Key of the canonical mask (indexed PNG) in the object store."""
    mask_url: str | None = None
    """Signed URL of the mask, valid until `mask_url_expires_at`."""
    mask_url_expires_at: datetime | None = None
    width: int
    height: int
    shares: dict[str, float]
    """Share of each category in the mask, 0 to 1."""
    artifact: str
    """`name@version` of the model that made the mask."""
    cached: bool = False
    """The mask was there already."""
    timings_ms: dict[str, float] = Field(default_factory=dict)
    """Milliseconds in `fetch`, `decode`, `infer`, `encode`, `store`."""
    scores: Scores | None = None
    """Only where the image has an annotated mask."""


class Item(Wire):
    """One image of a job."""

    index: int
    image_id: str
    custom_id: str | None = None
    state: ItemState
    attempts: int = 0
    error: Problem | None = None
    result: Result | None = None


class Job(Wire):
    """A job as clients see it."""

    id: str
    name: str | None = None
    state: JobState
    lane: Lane
    model: str
    """`name@version` of the model for all items; a name alone where only workers know it."""
    confidence: bool = False
    """Its masks have their confidence beside them."""
    counts: Counts
    progress: float
    """Share of items that ended, 0 to 1."""
    queue_position: int | None = None
    """Open jobs of the same lane accepted before this one; `None` once it ended."""
    images_per_second: float | None = None
    """Recent throughput of the lane, all workers together."""
    eta_seconds: float | None = None
    """Seconds until this job should end, from recent throughput and what waits before it."""
    scores: Scores | None = None
    """Over all finished items with a truth, pixels pooled."""
    error: Problem | None = None
    """Why the job as a whole stopped, when it did."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    urls: JobUrls | None = None


class ItemPage(Page):
    """A page of a job's items, in index order."""

    items: list[Item]


class JobPage(Page):
    """A page of jobs, newest first."""

    jobs: list[Job]
