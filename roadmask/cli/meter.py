"""How far a run is: a live bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_EVERY_S = 5.0


class RateColumn(ProgressColumn):
    """Images per second, from the last seconds."""

    def render(self, task: Task) -> Text:
        """The rate of one task."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:.1f} images/s", style="progress.data.speed")


class Meter:
    """Progress on stderr; stdout is left to what the command yields."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._console = Console(stderr=True)
        self._what = what
        self._last = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, note="")

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

    def show(self, done: int, total: int, note: str = "") -> None:
        """How far it is now, with a note about it."""
        self._bar.update(self._task, completed=done, total=total, note=note)
        if not self._console.is_terminal and time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            click.echo(f"{self._what}: {done}/{total} {note}".rstrip(), err=True)

    def say(self, line: str) -> None:
        """A line that stays, above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
