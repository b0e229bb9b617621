"""One image to segment, as one value for all stages of the pipeline."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

from roadmask.schemas.jobs import Lane
from roadmask.schemas.mask_parameters import MaskParameters
from storage.jobs.manifest import ManifestItem
from storage.objects.keys import MaskKeys
from worker.models.interfaces import Artifact
from worker.pipeline.timings import Timings

MAX_ID = 100
"""Characters of an image id in the in-flight table."""


@dataclass(slots=True, eq=False)
class ImageTask:
    """Made once by `Pipeline.task`, then passed whole to every stage. Holds no pixels."""

    item: ManifestItem
    artifact: Artifact
    keys: MaskKeys
    """Where the mask, its facts and its confidence are stored."""
    lane: Lane
    parameters: MaskParameters
    with_confidence: bool
    """Whether the confidence of each pixel is stored beside the mask."""
    isolated: bool
    """Whether this image is suspected of crashing workers. If so, it is decoded in a sandbox and
    inferred alone, with a time limit."""
    job_id: str = ""
    index: int = 0
    """Index of the item in its job."""
    warnings: list[str] = field(default_factory=list)
    """Findings of the decoder that make the mask doubtful, as sentences for people."""
    timings: Timings = field(default_factory=dict)
    """Each stage adds its entry."""
    reservation: ExitStack = field(default_factory=ExitStack)
    """The share of the pixel budget that the image occupies until its mask is stored."""
    inferring: threading.Event = field(default_factory=threading.Event)
    """Set when the model starts to work on the image."""

    def origin(self) -> dict[str, str | int]:
        """The item that the image belongs to, as JSON."""
        return {"job": self.job_id, "item": self.index, "image": self.item.image[:MAX_ID]}

    @property
    def flight(self) -> str:
        """Key of the task's inference in all workers: the fingerprint of the mask, with or without
        its confidence."""
        name = self.keys.png.rpartition("/")[2].removesuffix(".png")
        return f"{name}:confidence" if self.with_confidence else name

    def __str__(self) -> str:
        return f"{self.item.image} (job {self.job_id}, item {self.index})"
