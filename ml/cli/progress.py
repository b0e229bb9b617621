"""What a training run shows while it runs."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ml.run import Moment


class TrainingProgress:
    """A bar over all steps with loss and speed beside it, and a line for each epoch.

    Where the output is no terminal, only the lines: each is written out at once.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, speed="", best="")
        self._speed = _Speed()
        self._best: tuple[float, int] | None = None
        self._begun: float | None = None

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def report(self, moment: Moment) -> None:
        """Take note of a step, or of an epoch when it comes with values."""
        if self._begun is None:
            self._begun = time.monotonic()
            self._print(f"learning in {moment.precision}")
        if moment.values is None:
            self._speed.count(moment.images)
        else:
            self._end_epoch(moment, moment.values)
        self._bar.update(
            self._task,
            total=self._epochs * moment.steps,
            completed=(moment.epoch - 1) * moment.steps + moment.step,
            description=f"epoch {moment.epoch}/{self._epochs}  step {moment.step}/{moment.steps}"
            f"  loss {moment.loss:.4f}",
            speed=f"{self._speed.value:.1f} images/s",
            best="" if self._best is None else f"best {self._best[0]:.4f} (epoch {self._best[1]})",
        )

    def _end_epoch(self, moment: Moment, values: dict[str, float]) -> None:
        score = values.get("mean_iou")
        if score is not None and (self._best is None or score > self._best[0]):
            self._best = score, moment.epoch
        now = time.monotonic()
        seconds, self._begun = now - (self._begun or now), now
        shown = {key: value for key, value in values.items() if "/" not in key}
        words = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
        self._print(
            f"epoch {moment.epoch}/{self._epochs}  {words}  "
            f"({seconds:.0f} s, {self._speed.value:.1f} images/s)"
        )
        self._speed = _Speed()

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)
        self._console.file.flush()


class _Speed:
    """Images per second since the first step that was counted."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._images = 0
        self.value = 0.0

    def count(self, images: int) -> None:
        """Take note of a step's images."""
        now = time.monotonic()
        if self._begun:
            self._images += images
            self.value = self._images / max(now - self._begun, 1e-9)
        else:
            # The first step is traced, or waited for its data: it says nothing of the others.
            self._begun = now
