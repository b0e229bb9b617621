"""Jobs and items: their states and their JSON."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, Field

from roadmask.schemas.ids import CustomId, ImageId, Label
from roadmask.schemas.job_urls import JobUrls
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.schemas.pixels import ParsedRequestedPixels
from roadmask.schemas.wire import Page, Request, Wire

MAX_DEADLINE_S = 366 * 24 * 3600
"""Longest `deadline_s`: a year."""


class Lane(StrEnum):
    """The queue in which a job waits."""

    INTERACTIVE = "interactive"
    """Somebody waits for the result; served before any batch job."""
    BATCH = "batch"
    """A folder or a dataset; served when no interactive item waits."""


class JobState(StrEnum):
    """States of a job. The last 5 are final; only a retry of failed items leaves them."""

    QUEUED = "queued"
    """Accepted; no item has started."""
    RUNNING = "running"
    """At least one item has started."""
    SUCCEEDED = "succeeded"
    """Every item has its mask."""
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    """Every item has ended; at least one failed, with its cause."""
    FAILED = "failed"
    """No item succeeded, or more failed than `error_threshold` allows."""
    CANCELED = "canceled"
    """Stopped on request; finished masks are kept."""
    EXPIRED = "expired"
    """Not finished by its deadline; finished masks are kept."""


OPEN_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})
"""States of a job whose items have not all ended."""
FINAL_STATES = frozenset(JobState) - OPEN_STATES
"""States of a job that has ended."""
COMPLETE_STATES = frozenset({JobState.SUCCEEDED, JobState.COMPLETED_WITH_ERRORS})
"""States of a job whose items have all ended, and not all failed."""


class ItemState(StrEnum):
    """States of an item."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    """Its job was canceled, expired or failed before this item was finished."""


FINAL_ITEM_STATES = frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.CANCELED})


class ImageRef(Request):
    """One image of a job request."""

    id: ImageId
    custom_id: CustomId | None = None
    """The client's name for the item, returned with its result and used in exports. Default: the
    file name that the image has in its dataset."""


class JobCreate(MaskParameters, Request):
    """A request for a job: `images`, or a `dataset`, or an id `prefix` (exactly one of them)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"images": [{"id": "scenes/000001", "custom_id": "front-1"}]},
                {"dataset": "scenes", "lane": "batch", "name": "nightly", "error_threshold": 0.1},
            ]
        },
    )

    images: list[ImageRef] | None = None
    dataset: ImageId | None = None
    prefix: str | None = Field(None, min_length=1, max_length=512)
    name: Label | None = None
    """A label for people, without control characters."""
    model: str = Field("default", max_length=200)
    """A model by name, version or `name@version`; `default` is the one in service. The version is
    fixed when the job is accepted."""
    pixels: ParsedRequestedPixels = None
    """How samples of more than 8 bits, raw sensor data and thermal images become 8-bit RGB; the
    same for all images of the job. Null: as each file and image says."""
    lane: Lane | None = None
    """Default: `interactive` up to 8 images, `batch` beyond."""
    confidence: bool = False
    """Also compute the confidence of each mask, which takes more time per image."""
    error_threshold: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    """The job ends as `failed` once more than this share of its items failed. Default: never."""
    deadline_s: float | None = Field(None, gt=0, le=MAX_DEADLINE_S, allow_inf_nan=False)
    """The job ends as `expired` if it takes more than this many seconds after it was accepted."""
    webhook: str | None = Field(None, max_length=2000)
    """URL that receives the end of the job, at a host that the operator of the service allows."""


class Counts(Wire):
    """Number of items in each state; they add up to `total`."""

    total: int
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    cached: int = 0
    """Succeeded items whose mask was already stored: nothing was inferred for them."""


class Problem(Wire):
    """Why something failed: a stable code, and a text for people."""

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
    """Share of its pixels in the truth that are right; null in older records."""
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
    """Mean of the IoU weighted by each category's pixels in the truth; null in older records."""
    per_category: dict[str, CategoryScore]
    images: int
    """Number of images with a truth in these scores."""


class Result(MaskParameters):
    """The result of a succeeded item."""

    mask_key: str
    """Key of the canonical mask (indexed PNG) in the object store."""
    mask_sha256: str | None = None
    """sha256 (hex) of the canonical mask; null in older records."""
    mask_bytes: int | None = None
    """Size of the canonical mask; null in older records."""
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
    """The mask was already stored."""
    timings_ms: dict[str, float] = Field(default_factory=dict)
    """Milliseconds in `fetch`, `decode`, `infer`, `encode`, `store`."""
    confidence: float | None = None
    """Mean confidence of its pixels, 0 to 1; only where it was computed."""
    warnings: list[str] = Field(default_factory=list)
    """What makes the mask doubtful, for people: samples that look linear, mosaicked or clipped, of
    which the job's `pixels` says nothing."""
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


class Job(MaskParameters):
    """A job, as the API returns it."""

    id: str
    name: str | None = None
    state: JobState
    lane: Lane
    model: str
    """`name@version` of the model for all items; a name alone if the version is not published."""
    dataset: str | None = None
    """The dataset that it was requested for; null for a list of images."""
    confidence: bool = False
    """The confidence of its masks is computed, too."""
    counts: Counts
    progress: float
    """Share of items that have ended, 0 to 1."""
    queue_position: int | None = None
    """Open jobs of the same lane accepted before this one; null once it has ended."""
    images_per_second: float | None = None
    """Recent throughput of the lane, summed over all workers."""
    eta_seconds: float | None = None
    """Estimated seconds until this job ends, from recent throughput and the items before it."""
    scores: Scores | None = None
    """Over all finished items with a truth, pixels pooled."""
    error: Problem | None = None
    """Why the job as a whole ended early, if it did."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    urls: JobUrls | None = None


class ScoreInterval(Wire):
    """The mean IoU per image: `mean` ± `margin` with 95 % probability."""

    mean: float
    margin: float
    images: int
    """Images with a truth."""
    effective_images: float
    """Number of independent images that would tell as much: frames of one video are alike."""


class ScoreReport(Wire):
    """The scores of a job in detail."""

    confusion: list[list[int]]
    """Pixels over all scored images: rows are the truth, columns the prediction."""
    interval: ScoreInterval | None = None
    """Null for few images, or for images that are all alike."""


class ItemPage(Page):
    """A page of a job's items, in index order unless another order was requested."""

    items: list[Item]
    offset: int | None = None
    """Number of items before this page in the list; null where they are not counted."""
    total: int | None = None
    """Number of items on all pages; null where they are not counted."""


class JobPage(Page):
    """A page of jobs, newest first."""

    jobs: list[Job]


class ItemDisagreement(Wire):
    """How much two masks of one image differ."""

    index: int
    """The item in this job."""
    other_index: int
    """The item of the same image in the other job."""
    image_id: str
    custom_id: str | None = None
    share: float
    """Share of the pixels to which the masks give different categories, 0 to 1."""


class DisagreementPage(Page):
    """Items of which both jobs have a mask, in index order."""

    model: str
    other_model: str
    items: list[ItemDisagreement]
    counts: list[list[int]]
    """Pixels of the items of this page: rows are the categories in this job, columns those in the
    other."""
