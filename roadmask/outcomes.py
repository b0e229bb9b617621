"""What became of the files of a folder run, one by one and counted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmask.errors import RoadmaskError
from roadmask.jobs import Item, ItemState, Problem


@dataclass(frozen=True, slots=True)
class FileResult:
    """One image file: its mask, or why there is none."""

    image: str
    """Path below the image folder, with `/`."""
    sha256: str | None = None
    mask: str | None = None
    """Path of the mask below the output folder; None for a failure."""
    artifact: str | None = None
    cached: bool = False
    """The service had the mask already."""
    kept: bool = False
    """The mask was in place from an earlier run: nothing was asked for."""
    shares: dict[str, float] = field(default_factory=dict)
    error: Problem | None = None

    @classmethod
    def of_item(cls, image: str, sha256: str, item: Item, mask: str | None) -> FileResult:
        """From what the service says about it."""
        if item.result is None or mask is None:
            return cls(image, sha256, error=item.error or _unfinished(item))
        result = item.result
        return cls(image, sha256, mask, result.artifact, result.cached, shares=result.shares)

    @classmethod
    def of_error(cls, image: str, sha256: str | None, error: RoadmaskError) -> FileResult:
        """A failure by its exception."""
        return cls(image, sha256, error=Problem.model_validate(error.problem()))

    @classmethod
    def of_line(cls, line: dict[str, Any], *, kept: bool = False) -> FileResult:
        """From a line of `results.jsonl`."""
        if "error" in line:
            error = Problem.model_validate(line["error"])
            return cls(line["image"], line["sha256"], error=error)
        return cls(
            line["image"],
            line["sha256"],
            line["mask"],
            line["artifact"],
            line["cached"],
            kept,
            line["shares"],
        )

    def line(self) -> dict[str, Any]:
        """The result as a line of `results.jsonl`."""
        line: dict[str, Any] = {"image": self.image, "sha256": self.sha256}
        if self.error is not None:
            return line | {"state": ItemState.FAILED, "error": self.error.model_dump()}
        return line | {
            "state": ItemState.SUCCEEDED,
            "mask": self.mask,
            "artifact": self.artifact,
            "cached": self.cached,
            "shares": self.shares,
        }


@dataclass(slots=True)
class Progress:
    """How far a folder run is, in images."""

    total: int = 0
    kept: int = 0
    cached: int = 0
    inferred: int = 0
    failed: int = 0
    uploaded: int = 0
    """Of all, those whose bytes had to travel."""

    @property
    def done(self) -> int:
        """Images with an outcome."""
        return self.kept + self.cached + self.inferred + self.failed

    def count(self, result: FileResult) -> None:
        """Add one outcome."""
        if result.error is not None:
            self.failed += 1
        elif result.kept:
            self.kept += 1
        elif result.cached:
            self.cached += 1
        else:
            self.inferred += 1


def read_results(out: Path, name: str = "results.jsonl") -> list[FileResult]:
    """What the last run on the output folder `out` left, in the order of names; may be nothing.

    `failures.jsonl` holds the failed ones alone."""
    try:
        lines = (out / name).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [FileResult.of_line(json.loads(line)) for line in lines]


def _unfinished(item: Item) -> Problem:
    return Problem(
        code="canceled",
        title="Not done",
        detail=f"The job ended before this image was done (it is {item.state}). "
        "Run the same command again.",
        retryable=True,
    )
