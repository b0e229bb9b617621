"""Progress on stderr: a live display in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from roadmask.folder.results import FileResult
from roadmask.folder.results import Progress as Counts
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.shown import shown

LOG_EVERY_S = 5.0
"""Seconds between two lines in a log."""
SHOW_EVERY_S = 0.05
"""Seconds between two updates for masks that are in place."""
MAX_WIDTH = 72
"""Columns of the bar that shows the shares of categories."""


class ProgressDisplay:
    """A bar with the rate in images per second and the time left; stdout stays free.

    The rate is that of the last `window_s` seconds, at most since the first `update`. A `transient`
    display disappears at its end. A `quiet` one shows nothing but the lines of `print`.
    """

    def __init__(
        self,
        description: str,
        *,
        window_s: float = 30.0,
        transient: bool = False,
        quiet: bool = False,
    ) -> None:
        self._console = Console(stderr=True, markup=False)
        self._is_live = self._console.is_terminal and not quiet
        self._is_log = not self._is_live and not quiet
        self._last_line = time.monotonic()
        self._bar = _Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _PaceColumn(lambda: self.rate),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            disable=not self._is_live,
            transient=transient,
            speed_estimate_period=window_s,
        )
        self._bar.layout = self.layout
        self._task = self._bar.add_task(description, total=None, note="")
        # Apart from the bar, whose images may be done without any work.
        self._processed = self._bar.add_task("", total=None, visible=False, note="")
        self._is_measuring = False

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    @property
    def rate(self) -> float | None:
        """Images per second, or None before there are any."""
        return next(task.speed for task in self._bar.tasks if task.id == self._processed)

    def update(
        self,
        done: int,
        total: int,
        *,
        processed: int | None = None,
        description: str | None = None,
        note: str = "",
    ) -> None:
        """Show that `done` of `total` are done; the rate counts `processed`, by default `done`."""
        self._measure(done if processed is None else processed)
        self._bar.update(
            self._task, completed=done, total=total, note=note, description=description
        )
        if self._is_log and time.monotonic() - self._last_line >= LOG_EVERY_S:
            self._last_line = time.monotonic()
            name = self._bar.tasks[0].description
            rate = f"{self.rate:.1f} images/s" if self.rate else ""
            self.print(", ".join(filter(None, (f"{name}: {done}/{total}", rate, note))))

    def layout(self, bar: RenderableType) -> Iterable[RenderableType]:
        """What the display consists of: the bar, and what a subclass puts around it."""
        return [bar]

    def restart_rate(self) -> None:
        """Measure the rate from the next update on."""
        self._is_measuring = False

    def _measure(self, processed: int) -> None:
        if self._is_measuring:
            self._bar.update(self._processed, completed=processed)
            return
        self._bar.reset(self._processed, completed=processed)
        # A sample with the time of the start: rich counts the images after its first sample.
        self._bar.advance(self._processed, 0)
        self._is_measuring = True

    def print(self, line: str | Text) -> None:
        """Print a line that stays, above the display."""
        # A log has one line for each; in a terminal lines break between words.
        self._console.print(line, markup=False, highlight=False, soft_wrap=not self._is_live)
        self._console.file.flush()


class FolderProgress(ProgressDisplay):
    """The display of a folder run: counts, failures, and the shares of categories so far.

    `disconnected` says whether the service does not answer at the moment.
    """

    def __init__(
        self,
        folder: Path,
        out: Path,
        counts: Counts,
        disconnected: Callable[[], bool],
        *,
        quiet: bool = False,
    ) -> None:
        super().__init__("segmenting", transient=True, quiet=quiet)
        self._counts = counts
        self._disconnected = disconnected
        self._title = shown(f"{folder.name or folder} → {out}")
        self._spinner = Spinner("dots", style="cyan")
        self._shares: Counter[str] = Counter()
        self._incomplete: int | None = None
        self._shown = 0.0

    def follow(self, results: Iterable[FileResult]) -> None:
        """Show each result as it comes; a failure stays as a line."""
        self.restart_rate()
        self._show_counts()
        for result in results:
            self._incomplete = None
            if result.error is not None:
                cause = shown(f"{result.error.title}. {result.error.detail}")
                failed = ("failed: ", "bold red")
                self.print(Text.assemble(failed, (shown(result.image), "bold"), f": {cause}"))
            self._shares.update(result.shares)
            now = time.monotonic()
            # Masks in place come faster than they can be drawn; the end shows what was left out.
            if not result.kept or now - self._shown >= SHOW_EVERY_S:
                self._shown = now
                self._show_counts()
        self._show_counts()

    def wait(self, incomplete: int) -> None:
        """Show that the run waits for images, of which `incomplete` are still being written."""
        self._incomplete = incomplete

    def _show_counts(self) -> None:
        counts = self._counts
        self.update(
            counts.done,
            counts.total,
            processed=counts.inferred + counts.cached,
            note=f"{counts.failed} failed" if counts.failed else "",
        )

    def layout(self, bar: RenderableType) -> Iterable[RenderableType]:
        title = Table.grid(padding=(0, 1))
        title.add_row(self._spinner, Text(self._title, style="bold", overflow="ellipsis"))
        lines: list[RenderableType] = [title]
        if self._counts.total:
            lines += [bar, self._count_line()]
        if state := self._state():
            lines.append(state)
        if self._shares:
            lines += [Text(), *self._category_lines()]
        return [Padding(line, (0, 2)) for line in (Text(), *lines)]

    def _state(self) -> Text | None:
        if self._disconnected():
            return Text("the service does not answer; trying again", "yellow")
        if self._incomplete is not None:
            incomplete = f", {self._incomplete} still being written" if self._incomplete else ""
            return Text(f"waiting for new images{incomplete} · Ctrl-C ends", "cyan")
        if self._counts.done < self._counts.total and not self.rate:
            uploaded = f", {self._counts.uploaded:,} uploaded" if self._counts.uploaded else ""
            return Text(f"waiting for masks{uploaded}", "cyan")
        return None

    def _count_line(self) -> Text:
        counts = [
            (self._counts.inferred, "segmented", "green"),
            (self._counts.cached, "cached by the service", "cyan"),
            (self._counts.kept, "already in place", "bright_black"),
            (self._counts.failed, "failed", "bold red"),
        ]
        pieces = [Text(f"{count:,} {name}", style) for count, name, style in counts if count]
        return Text(" · ", "bright_black").join(pieces) if pieces else Text()

    def _category_lines(self) -> list[Text]:
        """A bar with the share of each category in its colour, and the legend."""
        width = max(20, min(MAX_WIDTH, self._console.width - 4))
        total = sum(self._shares.values())
        bar, legend, edge = Text(), Text(), 0.0
        for category in CITYSCAPES.categories:
            share = self._shares[category.name] / total
            color = "on rgb({},{},{})".format(*category.color)
            cells = round((edge + share) * width) - round(edge * width)
            bar.append(" " * cells, color)
            edge += share
            if share >= 0.005:
                # Spaces that do not break keep a colour and its name on one line.
                legend.append("\N{NO-BREAK SPACE}" * 2, color)
                legend.append(f"\N{NO-BREAK SPACE}{category.name}\N{NO-BREAK SPACE}{share:.0%}  ")
        return [bar, legend]


class _Bar(Progress):
    layout: Callable[[RenderableType], Iterable[RenderableType]] | None = None
    """None in the constructor, which renders already."""

    def get_renderables(self) -> Iterable[RenderableType]:
        bar = self.make_tasks_table(self.tasks)
        yield from self.layout(bar) if self.layout else [bar]


class _PaceColumn(ProgressColumn):
    """The rate, and the time that is left at it."""

    def __init__(self, rate: Callable[[], float | None]) -> None:
        super().__init__()
        self._rate = rate

    def render(self, task: Task) -> Text:
        rate = self._rate()
        if not rate:
            return Text()
        pace = Text(f"{rate:.1f} images/s", "progress.data.speed")
        return pace.append(f"  {_clock(task.remaining / rate)} left") if task.remaining else pace


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
