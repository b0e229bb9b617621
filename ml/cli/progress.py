"""What a training run shows while it runs."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingProgress:
    """A bar over the epochs with the steps beside it, and a line for each epoch's values."""

    def __init__(self, epochs: int) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("step {task.fields[step]}"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("train", total=epochs, step=0)
        self._begun = time.monotonic()

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

    def report(self, epoch: int, step: int, values: dict[str, float] | None) -> None:
        """Take note of a step, or of an epoch when it comes with values."""
        if values is None:
            self._bar.update(self._task, completed=epoch - 1, step=step)
            return
        self._bar.update(self._task, completed=epoch, step=step)
        seconds, self._begun = time.monotonic() - self._begun, time.monotonic()
        words = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        self._console.print(f"epoch {epoch}  {words}  ({seconds:.0f} s)", highlight=False)
