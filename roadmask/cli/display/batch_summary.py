"""The summary of a folder run, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from roadmask.cli.display.output import say
from roadmask.folder.reports.failure_report import PAGE
from roadmask.folder.results import FAILURES, MATCHES, RESULTS, Progress
from roadmask.images.image_files import Skipped, find_skipped

NAMED = 5
"""Names that a list for people shows."""


@dataclass(slots=True)
class BatchSummary:
    """What a run did, and what it left out; filled while it runs."""

    out: Path
    progress: Progress = field(default_factory=Progress)
    jobs: list[str] = field(default_factory=list)
    skipped: Skipped = field(default_factory=Skipped)
    """What lies in the folder and is not read."""
    hints: list[str] = field(default_factory=list)
    """What to do about it."""
    failures: list[str] = field(default_factory=list)
    """Those of the hints that are said in any case."""
    stale: list[str] = field(default_factory=list)
    """Masks that belong to no image of the folder."""
    foreign: list[str] = field(default_factory=list)
    """Files beside the masks that are named like masks, and that no run has written."""
    is_plan: bool = False
    """Nothing was done: the command printed a plan instead."""
    are_deleted: bool = False
    """The stale masks are deleted."""
    matching: int | None = None
    """Images that match `--where`."""
    error: dict[str, Any] | None = None
    """The problem object of what ended the run early."""
    is_resumable: bool = True
    """The same command goes on after the error."""

    def look_around(self, folder: Path) -> None:
        """Note what a run over `folder` leaves out."""
        self.skipped = find_skipped(folder)
        self.hints = self.skipped.messages(folder)

    def add_unreadable(self, folder: Path, names: Mapping[str, str]) -> None:
        """Note what could not be listed, and why, when the run looked for its images."""
        self.skipped.unreadable |= {folder / name: cause for name, cause in names.items()}
        self.hints = self.skipped.messages(folder)
        self.failures = Skipped(unreadable=self.skipped.unreadable).messages(folder)

    def json(self) -> str:
        """One JSON document; `docs/batch.md` describes its members."""
        told: dict[str, Any] = asdict(self.progress) | {
            "out": str(self.out),
            "done": self.progress.done,
            "jobs": self.jobs,
            "skipped": self.skipped_counts(),
            "stale": self.stale,
            "deleted": self.are_deleted,
            "foreign": self.foreign,
        }
        if self.matching is not None:
            told["matching"] = self.matching
        if self.error is not None:
            told["error"] = self.error
        return json.dumps(told)

    def skipped_counts(self) -> dict[str, int]:
        """Numbers of files that are not read, by reason."""
        return {name: len(paths) for name, paths in asdict(self.skipped).items()}

    def print(self) -> None:
        """Print it on stdout; hints go to stderr."""
        if self.progress.total:
            self._print_counts()
        if self.matching is not None:
            match = "1 image matches" if self.matching == 1 else f"{self.matching} images match"
            say(f"{match}: {self.out / MATCHES}")
        if self.progress.failed:
            say(f"Failed images and causes: {self.out / PAGE}")
            say(f"The same for programs: {self.out / FAILURES}")
            say("The same command runs them again; with --failed it runs only them.")
        if self.progress.doubtful:
            masks = _masks(self.progress.doubtful)
            say(f"{masks} with warnings, such as samples that look linear: {self.out / RESULTS}")
        if self.jobs:
            say(f"Jobs: {_named(self.jobs)}")
        self.print_hints()

    def print_hints(self) -> None:
        """Print what was left out, and masks without an image, on stderr."""
        for hint in self.hints:
            say(hint, err=True)
        if self.stale:
            masks = "1 mask belongs" if len(self.stale) == 1 else f"{len(self.stale)} masks belong"
            then = "deleted" if self.are_deleted else "--delete removes them"
            say(f"{masks} to no image ({then}): {_named(self.stale)}", err=True)
        if self.foreign:
            files = "1 file" if len(self.foreign) == 1 else f"{len(self.foreign)} files"
            say(
                f"{files} beside the masks left alone, not written by this command: "
                f"{_named(self.foreign)}",
                err=True,
            )

    def _print_counts(self) -> None:
        progress = self.progress
        written = progress.done - progress.failed
        if progress.total == progress.kept:
            say(f"{_masks(written)} up to date, 0 inferred: {self.out}")
            return
        counts = (
            f"{progress.inferred} inferred, {progress.cached} cached by the service, "
            f"{progress.kept} already in place"
        )
        say(f"{_masks(written)} ({counts}), {progress.failed} failed: {self.out}")
        left = progress.total - progress.done
        if left:
            images = "1 image is" if left == 1 else f"{left} images are"
            then = "; the same command resumes the run." if self.is_resumable else "."
            say(f"{images} left{then}")

    def echo(self, *, quiet: bool, as_json: bool) -> None:
        """Print it as JSON or for people; nothing for people if `quiet`."""
        if self.is_plan:
            return
        if as_json:
            click.echo(self.json())
        elif not quiet:
            self.print()
        else:
            for hint in self.failures:
                say(hint, err=True)


def _masks(count: int) -> str:
    return "1 mask" if count == 1 else f"{count} masks"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
