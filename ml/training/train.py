"""Training: from a Recipe and folders of annotated images to an Artifact."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from ml.data.annotated import from_samples
from ml.data.batches import Batches
from ml.data.sample_list import SampleList
from ml.data.samples import annotated_samples, dataset_name
from ml.evaluation.evaluation import Evaluation
from ml.recipes.recipe import Recipe
from ml.registry.artifact import Artifact
from ml.registry.card import git_revision
from ml.training.checkpoint import TrainingState, read_progress, restore, save_checkpoint
from ml.training.encoders import encoder_file
from ml.training.learner import Learner
from ml.training.precision import describe_precision, measure_precisions, resolve_precision
from ml.training.publish import publish
from ml.training.tensorboard import TensorBoardLog
from ml.training.training_run import EpochMetrics, Run, StepCallback, TrainingStep
from ml.training.validation import check_folders, check_validation
from roadmask.errors import InvalidRequest, ModelFailed, TrainingStopped
from roadmask.images.layouts import Sample
from roadmask.images.reading import Reading
from roadmask.masks.taxonomy import CITYSCAPES

FIXED_OPTIONS = {
    "--pixels": "pixels",
    "--data": "data",
    "--val": "val",
    "--fine-tune": "base_model",
}
"""Options with which a run can only be resumed as it began, and their fields in its state."""


def train(
    run: Run,
    report: StepCallback = lambda moment: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Artifact:
    """Train until the recipe's last epoch or early stopping, then publish the best weights.

    A run folder with a checkpoint is resumed, also within an epoch. The result is the same as
    without an interruption. `stopped` is called after each step. Raises `InvalidRequest` if the
    folder holds a run of another recipe or the data lack masks, and `TrainingStopped` if `stopped`
    returns true or the loss or the network's answers are not finite.
    """
    loop = _TrainingLoop(run, report, stopped)
    loop.run()
    return loop.publish()


def publish_best(run: Run) -> Artifact:
    """Publish the best weights of a run without more training.

    Raises `InvalidRequest` if no epoch is finished, and the errors of `train` for a wrong folder.
    """
    if not run.checkpoint.exists() or not read_progress(run.checkpoint, run.recipe).best_epoch:
        raise InvalidRequest(f"{run.folder} has no epoch to publish. Train one first.")
    return _TrainingLoop(run, lambda moment: None, lambda: False).publish()


class _TrainingLoop:
    """The loop of one run."""

    def __init__(self, run: Run, report: StepCallback, stopped: Callable[[], bool]) -> None:
        run = replace(run, encoder=_encoder(run))
        self._run, self._report, self._stopped = run, report, stopped
        run.folder.mkdir(parents=True, exist_ok=True)
        self._progress = _progress(run)
        self._recipe = resolve_precision(run.recipe, self._progress.precision_ms)
        self._batches = Batches(_sample_list(run), self._recipe, run.workers)
        check_folders(run.validation)
        self._held_out = _samples(run.validation, run.reading)
        if not run.checkpoint.exists():
            check_validation(self._held_out)
        keras.utils.set_random_seed(self._recipe.seed)
        self._learner = Learner(self._recipe, len(self._batches), run.encoder, run.base_model)
        if run.checkpoint.exists():
            restore(run.checkpoint, self._learner.state())
        self._saved = time.monotonic()

    def run(self) -> None:
        """Train to the end, with a checkpoint after each epoch and every few minutes."""
        progress = self._progress
        tensorboard = TensorBoardLog(self._run.folder / "tensorboard", progress.history)
        while not _ended(self._recipe, progress):
            self._epoch()
            values = self._values()
            self._finish_epoch(values)
            self._save()
            tensorboard.write(progress.epoch, values)
            self._report_step(progress.epoch, len(self._batches), values["loss"], values)
            self._check_stop(0)
        tensorboard.close()

    def publish(self) -> Artifact:
        self._learner.restore_best()
        run = replace(self._run, recipe=self._recipe)
        return publish(run, self._learner.average, self._progress)

    def _epoch(self) -> None:
        """Run the remaining steps of the current epoch."""
        epoch, losses = self._progress.epoch + 1, self._progress.losses
        for images, truths in self._batches.epoch(epoch, len(losses)):
            loss = float(self._learner.learn(images, truths))
            if not math.isfinite(loss):
                raise _diverged(f"The loss became {loss} in epoch {epoch}, step {len(losses) + 1}.")
            losses.append(loss)
            self._report_step(epoch, len(losses), loss)
            if len(losses) < len(self._batches):
                self._check_stop(len(losses))
                if time.monotonic() - self._saved >= self._run.checkpoint_s:
                    self._save()

    def _values(self) -> EpochMetrics:
        losses = self._progress.losses
        values = {"loss": sum(losses) / len(losses), "learning_rate": self._learner.learning_rate}
        if not self._held_out:
            return values
        evaluation = Evaluation(self._learner.segmenter, CITYSCAPES)
        try:
            for _ in evaluation.run(from_samples(self._held_out, "validation").load_all()):
                pass
        except ModelFailed as error:
            raise _diverged(f"After epoch {self._progress.epoch + 1}: {error.detail}") from error
        scores = evaluation.scores
        values |= {"mean_iou": scores.mean_iou or 0.0, "accuracy": scores.accuracy or 0.0}
        values |= {"soft_iou": evaluation.soft.iou or 0.0}
        each = {f"iou/{name}": score.iou for name, score in scores.per_category.items()}
        return values | {name: iou for name, iou in each.items() if iou is not None}

    def _finish_epoch(self, values: EpochMetrics) -> None:
        """Record the epoch, and keep its weights if they are the best so far.

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

    def _check_stop(self, step: int) -> None:
        """Stop if requested: between two steps the state is complete."""
        if not self._stopped():
            return
        if step:
            self._save()
        raise TrainingStopped(
            f"Training stopped after epoch {self._progress.epoch}"
            + (f" and {step} steps" if step else "")
            + f". Everything is in {self._run.folder}: the same command goes on from there."
        )

    def _report_step(
        self, epoch: int, step: int, loss: float, values: EpochMetrics | None = None
    ) -> None:
        steps, images = len(self._batches), self._recipe.batch
        precision = describe_precision(self._recipe, self._progress.precision_ms)
        self._report(TrainingStep(epoch, step, steps, images, loss, precision, values))


def _progress(run: Run) -> TrainingState:
    """The state of the run. A new run measures the precisions if its recipe says `auto`.

    Raises `InvalidRequest` if the folder holds a run of another recipe or of other data: its card
    would name the new data alone, and the scores of its epochs could not be compared.
    """
    begun = TrainingState(
        pixels=str(run.reading.pixels),
        data=", ".join(f"{dataset_name(each.folder)}:{each.weight:g}" for each in run.data),
        val=", ".join(map(dataset_name, run.validation)),
        base_model=str(run.base_model.model_version) if run.base_model else "",
    )
    if run.checkpoint.exists():
        progress = read_progress(run.checkpoint, run.recipe)
        for option, name in FIXED_OPTIONS.items():
            there, here = getattr(progress, name), getattr(begun, name)
            if there not in (None, here):
                raise InvalidRequest(
                    f"{run.folder} holds a run of other {option} ({there or 'none'} there, "
                    f"{here or 'none'} here). Choose another folder, or delete this one."
                )
        return progress
    times = measure_precisions(run.recipe) if run.recipe.precision == "auto" else {}
    return replace(begun, git_revision=git_revision(), precision_ms=times)


def _encoder(run: Run) -> Path | None:
    """The file of the encoder's initial weights. A model that is fine-tuned has its own."""
    if run.base_model is None:
        return encoder_file(run.recipe, run.encoder)
    if run.encoder:
        raise InvalidRequest("A model that is fine-tuned has an encoder. Leave --encoder out.")
    return None


def _sample_list(run: Run) -> SampleList:
    record = run.folder / "samples.json"
    if not run.checkpoint.exists():
        record.unlink(missing_ok=True)
    return SampleList(run.data, record)


def _samples(folders: Sequence[Path], reading: Reading) -> list[Sample]:
    return [sample for folder in folders for sample in annotated_samples(folder, reading)]


def _diverged(what: str) -> TrainingStopped:
    """The error of a run that computes numbers that are not finite."""
    return TrainingStopped(
        f"{what} Begin anew in another folder with a lower learning rate (--set learning_rate=…) "
        "or in full precision (--set precision=float32)."
    )


def _ended(recipe: Recipe, progress: TrainingState) -> bool:
    stale = progress.epoch - progress.best_epoch
    return progress.epoch >= recipe.epochs or stale >= recipe.patience
