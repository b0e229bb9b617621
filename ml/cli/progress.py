"""Progress display of a training run."""

from __future__ import annotations

import math
import time

from ml.training.training_run import TrainingStep
from roadmask.cli.display.progress import ProgressDisplay


class TrainingProgress(ProgressDisplay):
    """A bar over all steps with loss and speed, and a line for each epoch."""

    def __init__(self, epochs: int) -> None:
        # The rate is that of a whole epoch, so it shows whether the data keep up as well.
        super().__init__("starting", window_s=math.inf)
        self._epochs = epochs
        self._best: tuple[float, int] | None = None
        self._begun: float | None = None

    def report(self, moment: TrainingStep) -> None:
        """Show a step, or an epoch if it comes with values."""
        if self._begun is None:
            self._begun = time.monotonic()
            self.print(f"learning in {moment.precision}")
        if moment.values is not None:
            self._end_epoch(moment, moment.values)
        step = (moment.epoch - 1) * moment.steps + moment.step
        self.update(
            step * moment.images,
            self._epochs * moment.steps * moment.images,
            description=f"epoch {moment.epoch}/{self._epochs}  step {moment.step}/{moment.steps}"
            f"  loss {moment.loss:.4f}",
            note="" if self._best is None else f"best {self._best[0]:.4f} (epoch {self._best[1]})",
        )

    def _end_epoch(self, moment: TrainingStep, values: dict[str, float]) -> None:
        score = values.get("mean_iou")
        if score is not None and (self._best is None or score > self._best[0]):
            self._best = score, moment.epoch
        now = time.monotonic()
        seconds, self._begun = now - (self._begun or now), now
        shown = {key: value for key, value in values.items() if "/" not in key}
        words = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
        rate = f", {self.rate:.1f} images/s" if self.rate else ""
        self.print(f"epoch {moment.epoch}/{self._epochs}  {words}  ({seconds:.0f} s{rate})")
        # The evaluation that follows, and the start of an epoch, do not count.
        self.restart_rate()
