"""Training: from a Recipe and folders of annotated images to an Artifact."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from ml.artifact import Artifact
from ml.card import git_revision
from ml.checkpoint import Progress, read_progress, restore, save_checkpoint
from ml.data.annotated import from_samples
from ml.data.batches import Batches
from ml.data.listing import Listing
from ml.data.samples import annotated_samples
from ml.encoders import encoder_file
from ml.evaluation import Evaluation
from ml.journal import Journal
from ml.learner import Learner
from ml.precision import in_words, measure_precisions, settle
from ml.publication import publish
from ml.recipes.recipe import Recipe
from ml.run import Moment, Report, Run, Values
from roadmask.categories import CITYSCAPES
from roadmask.errors import InvalidRequest, TrainingStopped
from roadmask.folders import Sample


def train(
    run: Run,
    report: Report = lambda moment: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Artifact:
    """Train until the recipe's last epoch or its patience ends, then publish the best weights.

    A run folder with a checkpoint is resumed, also within an epoch: the result is that of an
    uninterrupted run. `stopped` is asked after each step. Raises `InvalidRequest` when the folder
    holds a run of another recipe or data lack masks, and `TrainingStopped` when `stopped` says so
    or the loss is no number any more.
    """
    course = _Course(run, report, stopped)
    course.go()
    return course.publish()


def publish_best(run: Run) -> Artifact:
    """Publish the best weights that a run has so far, without training on.

    Raises `InvalidRequest` when no epoch was done, and what `train` raises on a wrong folder.
    """
    if not run.checkpoint.exists() or not read_progress(run.checkpoint, run.recipe).best_epoch:
        raise InvalidRequest(f"{run.folder} has no epoch to publish. Train one first.")
    return _Course(run, lambda moment: None, lambda: False).publish()


class _Course:
    """A run on its way."""

    def __init__(self, run: Run, report: Report, stopped: Callable[[], bool]) -> None:
        run = replace(run, encoder=encoder_file(run.recipe, run.encoder))
        self._run, self._report, self._stopped = run, report, stopped
        run.folder.mkdir(parents=True, exist_ok=True)
        self._progress = _progress(run)
        self._recipe = settle(run.recipe, self._progress.precision_ms)
        self._batches = Batches(_listing(run), self._recipe, run.workers)
        self._held_out = _samples(run.validation)
        keras.utils.set_random_seed(self._recipe.seed)
        self._learner = Learner(self._recipe, len(self._batches), run.encoder)
        if run.checkpoint.exists():
            restore(run.checkpoint, self._learner.state())
        self._saved = time.monotonic()

    def go(self) -> None:
        """Train to the end, a checkpoint after each epoch and every few minutes."""
        progress = self._progress
        journal = Journal(self._run.folder / "tensorboard", progress.history)
        while not _ended(self._recipe, progress):
            self._epoch()
            values = self._values()
            self._note(values)
            self._save()
            journal.note(progress.epoch, values)
            self._tell(progress.epoch, len(self._batches), values["loss"], values)
            self._heed(0)
        journal.close()

    def publish(self) -> Artifact:
        """The artifact of the best weights, with its card."""
        self._learner.restore_best()
        run = replace(self._run, recipe=self._recipe)
        return publish(run, self._learner.average, self._progress)

    def _epoch(self) -> None:
        """The steps of the epoch in hand that are still to be done."""
        epoch, losses = self._progress.epoch + 1, self._progress.losses
        for images, truths in self._batches.epoch(epoch, len(losses)):
            loss = float(self._learner.learn(images, truths))
            if not math.isfinite(loss):
                raise TrainingStopped(
                    f"The loss became {loss} in epoch {epoch}, step {len(losses) + 1}. Begin anew "
                    "in another folder with a lower learning rate (--set learning_rate=…) or in "
                    "full precision (--set precision=float32)."
                )
            losses.append(loss)
            self._tell(epoch, len(losses), loss)
            if len(losses) < len(self._batches):
                self._heed(len(losses))
                if time.monotonic() - self._saved >= self._run.checkpoint_s:
                    self._save()

    def _values(self) -> Values:
        losses = self._progress.losses
        values = {"loss": sum(losses) / len(losses), "learning_rate": self._learner.learning_rate}
        if not self._held_out:
            return values
        evaluation = Evaluation(self._learner.segmenter, CITYSCAPES)
        for _ in evaluation.run(from_samples(self._held_out)):
            pass
        scores = evaluation.scores
        values |= {"mean_iou": scores.mean_iou or 0.0, "accuracy": scores.accuracy or 0.0}
        values |= {"soft_iou": evaluation.soft.iou or 0.0}
        each = {f"iou/{name}": score.iou for name, score in scores.per_category.items()}
        return values | {name: iou for name, iou in each.items() if iou is not None}

    def _note(self, values: Values) -> None:
        """Count the epoch, and keep its weights when they are the best so far.

        Without validation data the latest weights count as the best.
        """
        progress = self._progress
        progress.epoch, progress.losses = progress.epoch + 1, []
        progress.history.append(values)
        score = values.get("mean_iou", float(progress.epoch))
        if score > progress.best_score:
            progress.best_epoch, progress.best_score = progress.epoch, score
            self._learner.keep_best()

    def _save(self) -> None:
        now = time.monotonic()
        self._progress.seconds += now - self._saved
        self._saved = now
        save_checkpoint(
            self._run.checkpoint, self._run.recipe, self._progress, self._learner.state()
        )

    def _heed(self, step: int) -> None:
        """Stop where one is asked to: the state is whole between two steps."""
        if not self._stopped():
            return
        if step:
            self._save()
        raise TrainingStopped(
            f"Training stopped after epoch {self._progress.epoch}"
            + (f" and {step} steps" if step else "")
            + f". Everything is in {self._run.folder}: the same command goes on from there."
        )

    def _tell(self, epoch: int, step: int, loss: float, values: Values | None = None) -> None:
        steps, images = len(self._batches), self._recipe.batch
        precision = in_words(self._recipe, self._progress.precision_ms)
        self._report(Moment(epoch, step, steps, images, loss, precision, values))


def _progress(run: Run) -> Progress:
    """Where the run is; a new one has its precision measured, if that is left to the machine."""
    if run.checkpoint.exists():
        return read_progress(run.checkpoint, run.recipe)
    times = measure_precisions(run.recipe) if run.recipe.precision == "auto" else {}
    return Progress(git_revision=git_revision(), precision_ms=times)


def _listing(run: Run) -> Listing:
    record = run.folder / "samples.json"
    if not run.checkpoint.exists():
        record.unlink(missing_ok=True)
    return Listing(run.data, record)


def _samples(folders: Sequence[Path]) -> list[Sample]:
    return [sample for folder in folders for sample in annotated_samples(folder)]


def _ended(recipe: Recipe, progress: Progress) -> bool:
    stale = progress.epoch - progress.best_epoch
    return progress.epoch >= recipe.epochs or stale >= recipe.patience
