"""What a folder run shows while it runs: a live screen in a terminal, lines in a log."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from roadmask.categories import CITYSCAPES
from roadmask.cli.meter import LINE_EVERY_S
from roadmask.outcomes import FileResult, Progress

WINDOW_S = 10.0
"""The rate is that of the last so many seconds."""
WIDTH = 72
"""Columns that the bars take at most."""


class Screen:
    """A run from `folder` to `out` on stderr; stdout is left to what the command yields.

    `lost` tells whether the service does not answer at the moment.
    """

    def __init__(
        self, folder: Path, out: Path, progress: Progress, lost: Callable[[], bool]
    ) -> None:
        self._console = Console(stderr=True)
        self._progress = progress
        self._lost = lost
        self._title = f"{folder.name or folder} → {out}"
        self._spinner = Spinner("dots", style="cyan")
        self._began = self._last_line = time.monotonic()
        self._made: deque[float] = deque()
        self._shares: Counter[str] = Counter()
        self._idle: int | None = None
        # A terminal that is no terminal gets lines: a log must not fill with redrawn screens.
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=8,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def follow(self, results: Iterable[FileResult]) -> None:
        """Show each outcome as it comes."""
        for result in results:
            self.show(result)

    def show(self, result: FileResult) -> None:
        """An outcome; a failure stays as a line above."""
        self._idle = None
        if result.error is not None:
            why = f"{result.error.title}. {result.error.detail}"
            line = Text.assemble(("failed: ", "bold red"), (result.image, "bold"), f": {why}")
            # A log has one line for each; in a terminal no word breaks at its edge.
            self._console.print(line, highlight=False, soft_wrap=not self._console.is_terminal)
        else:
            self._shares.update(result.shares)
            if not result.kept:
                self._made.append(time.monotonic())
        self._log()

    def idle(self, waiting: int) -> None:
        """Nothing is to be done; `waiting` files are still being written."""
        self._idle = waiting

    @property
    def rate(self) -> float:
        """Masks per second that were made or fetched lately; those in place do not count."""
        now = time.monotonic()
        while self._made and now - self._made[0] > WINDOW_S:
            self._made.popleft()
        return len(self._made) / max(0.5, min(WINDOW_S, now - self._began))

    def _log(self) -> None:
        if self._console.is_terminal or time.monotonic() - self._last_line < LINE_EVERY_S:
            return
        self._last_line = time.monotonic()
        now = self._progress
        note = f", {now.failed} failed" if now.failed else ""
        speed = f", {self.rate:.1f} images/s" if self.rate else ""
        click.echo(f"segmenting: {now.done}/{now.total}{speed}{note}", err=True)

    def _draw(self) -> RenderableType:
        width = max(20, min(WIDTH, self._console.width - 4))
        lines = [self._head(), self._pace()]
        if self._progress.total:
            lines = [self._head(), self._bar(width), self._pace(), self._counts()]
        if self._shares:
            lines += [Text(), *self._seen(width)]
        return Padding(Group(*lines), (1, 2, 0, 2))

    def _head(self) -> RenderableType:
        head = Table.grid(padding=(0, 1))
        head.add_row(self._spinner, Text(self._title, style="bold", overflow="ellipsis"))
        return head

    def _bar(self, width: int) -> RenderableType:
        now = self._progress
        share = now.done / now.total if now.total else 0.0
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(
                total=now.total or 1,
                completed=now.done,
                width=width - 22,
                complete_style="green",
            ),
            Text(f"{share:4.0%}  {now.done:,} of {now.total:,}"),
        )
        return bar

    def _pace(self) -> Text:
        now, passed = self._progress, time.monotonic() - self._began
        left = now.total - now.done
        if self._lost():
            return Text(f"the service does not answer; trying again · {_clock(passed)}", "yellow")
        if self._idle is not None:
            wait = f", {self._idle} still being written" if self._idle else ""
            return Text(f"waiting for new images{wait} · Ctrl-C ends", style="cyan")
        if not left:
            return Text(f"{self.rate:.1f} images/s · {_clock(passed)}")
        if not self.rate:
            sent = f", {now.uploaded:,} sent" if now.uploaded else ""
            return Text(f"waiting for masks{sent} · {_clock(passed)}", style="cyan")
        eta = _clock(left / self.rate)
        return Text.assemble(
            (f"{self.rate:.1f} images/s", "bold green"), f" · {eta} left · {_clock(passed)} so far"
        )

    def _counts(self) -> Text:
        now = self._progress
        counts = [
            (now.inferred, "segmented", "green"),
            (now.cached, "known to the service", "cyan"),
            (now.kept, "in place", "bright_black"),
            (now.failed, "failed", "bold red"),
        ]
        pieces = [Text(f"{count:,} {what}", style) for count, what, style in counts if count]
        return Text(" · ", "bright_black").join(pieces) if pieces else Text()

    def _seen(self, width: int) -> list[Text]:
        """What the streets were made of so far: a bar in the categories' colours, and its key."""
        total = sum(self._shares.values())
        bar, key, edge = Text(), Text(), 0.0
        for category in CITYSCAPES.categories:
            share = self._shares[category.name] / total
            color = "rgb({},{},{})".format(*category.color)
            cells = round((edge + share) * width) - round(edge * width)
            bar.append(" " * cells, f"on {color}")
            edge += share
            if share >= 0.005:
                # Spaces that do not break keep a colour and its name on one line.
                key.append("\N{NO-BREAK SPACE}" * 2, f"on {color}")
                key.append(f"\N{NO-BREAK SPACE}{category.name}\N{NO-BREAK SPACE}{share:.0%}  ")
        return [bar, key]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
