"""Results of a folder run: one for each file, and their counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmask.errors import RecordUnreadable, RoadmaskError
from roadmask.schemas.jobs import Item, ItemState, Problem

RESULTS, FAILURES = "results.jsonl", "failures.jsonl"
"""Files in the output folder with a line for each result, and for each failure."""
MATCHES = "matches.txt"
"""File in the output folder with the names of the images that match a condition."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result of one image file: its mask or its error."""

    image: str
    """Path below the image folder, with `/`."""
    sha256: str | None = None
    mask: str | None = None
    """Path of the mask below the output folder; None for a failure."""
    artifact: str | None = None
    cached: bool = False
    """Whether the service had the mask already."""
    kept: bool = False
    """Whether the mask file of an earlier run was kept, so that nothing was requested."""
    shares: dict[str, float] = field(default_factory=dict)
    error: Problem | None = None
    warnings: list[str] = field(default_factory=list)
    """Sentences for people about a doubtful mask."""
    job: str | None = None
    """Id of the job; None if there was none, and in results of earlier versions."""

    @classmethod
    def of_item(
        cls, image: str, sha256: str, item: Item, mask: str | None, job: str | None = None
    ) -> FileResult:
        """The result of a job's item; `mask` is the file that was written."""
        if item.result is None or mask is None:
            return cls(image, sha256, error=item.error or _unfinished(item), job=job)
        result = item.result
        return cls(
            image,
            sha256,
            mask,
            result.artifact,
            result.cached,
            shares=result.shares,
            warnings=result.warnings,
            job=job,
        )

    @classmethod
    def of_error(cls, image: str, sha256: str | None, error: RoadmaskError) -> FileResult:
        """The result of a file that failed with this error."""
        return cls(image, sha256, error=Problem.model_validate(error.problem()))

    @classmethod
    def of_line(cls, line: dict[str, Any], *, kept: bool = False) -> FileResult:
        """Parse a result from the form that `line` returns."""
        if "error" in line:
            error = Problem.model_validate(line["error"])
            return cls(line["image"], line["sha256"], error=error, job=line.get("job"))
        return cls(
            line["image"],
            line["sha256"],
            line["mask"],
            line["artifact"],
            line["cached"],
            kept,
            line["shares"],
            warnings=line.get("warnings", []),
            job=line.get("job"),
        )

    def line(self) -> dict[str, Any]:
        """The result as a JSON object, a line of `results.jsonl`."""
        line: dict[str, Any] = {"image": self.image, "sha256": self.sha256}
        if self.job is not None:
            line["job"] = self.job
        if self.error is not None:
            return line | {"state": ItemState.FAILED, "error": self.error.model_dump()}
        if self.warnings:
            line["warnings"] = self.warnings
        return line | {
            "state": ItemState.SUCCEEDED,
            "mask": self.mask,
            "artifact": self.artifact,
            "cached": self.cached,
            "shares": self.shares,
        }


@dataclass(slots=True)
class Progress:
    """Counts of images in a folder run."""

    total: int = 0
    kept: int = 0
    cached: int = 0
    inferred: int = 0
    failed: int = 0
    uploaded: int = 0
    """Images whose bytes were sent to the service."""
    doubtful: int = 0
    """Images whose results have warnings."""

    @property
    def done(self) -> int:
        """Images with a result."""
        return self.kept + self.cached + self.inferred + self.failed

    def count(self, result: FileResult) -> None:
        self.doubtful += bool(result.warnings)
        if result.error is not None:
            self.failed += 1
        elif result.kept:
            self.kept += 1
        elif result.cached:
            self.cached += 1
        else:
            self.inferred += 1


def read_results(out: Path, name: str = RESULTS) -> list[FileResult]:
    """The results of the last run in the output folder `out`, in the order of names.

    `name` is `RESULTS`, or `FAILURES` for failed files only. Empty if the file does not exist.
    Raises `RecordUnreadable`.
    """
    try:
        lines = (out / name).read_text().splitlines()
        return [FileResult.of_line(json.loads(line)) for line in lines]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordUnreadable(
            f"{out / name} is damaged. A run over the whole folder, without --failed, writes it "
            "again."
        ) from error


def _unfinished(item: Item) -> Problem:
    return Problem(
        code="canceled",
        title="Not done",
        detail=f"The job ended before this image was done (it is {item.state}). "
        "Run the same command again.",
        retryable=True,
    )
