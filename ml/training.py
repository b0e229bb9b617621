"""Training: from a Recipe and folders of annotated images to an Artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from ml.artifact import Artifact
from ml.card import git_revision
from ml.checkpoint import Progress, load_checkpoint, save_checkpoint
from ml.data.batches import Batches
from ml.data.samples import annotated_samples
from ml.evaluation import evaluate_samples
from ml.learner import Learner
from ml.publication import publish
from ml.recipes.recipe import Recipe
from roadmask.categories import CITYSCAPES
from roadmask.errors import InvalidRequest
from roadmask.folders import Sample


@dataclass(frozen=True)
class Run:
    """One training run: what is learnt, from which folders, and where its files go."""

    recipe: Recipe
    data: Sequence[Path]
    validation: Sequence[Path]
    folder: Path
    """Gets `checkpoint.npz` after every epoch and `artifact/` at the end."""
    name: str
    """Name of the artifact."""
    encoder: Path | None = None
    """File of the weights that the encoder starts from, where the recipe names some."""


Report = Callable[[int, int, dict[str, float] | None], None]
"""Called with (epoch, step, None) after each step, and with the measured values after an epoch."""


def train(run: Run, report: Report = lambda epoch, step, values: None) -> Artifact:
    """Train until the recipe's last epoch or its patience ends, then publish the best weights.

    A run folder with a checkpoint is resumed: the result is that of an uninterrupted run.
    Raises `InvalidRequest` when the folder holds a run of another recipe or data lack masks.
    """
    recipe, revision = run.recipe, git_revision()
    run.folder.mkdir(parents=True, exist_ok=True)
    batches = Batches([s for folder in run.data for s in annotated_samples(folder)], recipe)
    held_out = [s for folder in run.validation for s in annotated_samples(folder)]
    keras.utils.set_random_seed(recipe.seed)
    learner = Learner(recipe, len(batches), _encoder(run))
    checkpoint, progress = run.folder / "checkpoint.npz", Progress()
    if checkpoint.exists():
        progress = load_checkpoint(checkpoint, recipe.facts(), learner.state())
    while not _ended(recipe, progress):
        values = _epoch(learner, batches, progress.epoch + 1, report)
        values |= _validate(learner, held_out)
        _note(learner, progress, values)
        save_checkpoint(checkpoint, recipe.facts(), progress, learner.state())
        report(progress.epoch, len(batches), values)
    learner.restore_best()
    return publish(
        run.folder / "artifact",
        learner.average,
        name=run.name,
        recipe=recipe,
        epoch=progress.best_epoch,
        data=run.data,
        validation=run.validation,
        encoder=run.encoder,
        git_revision=revision,
    )


def _encoder(run: Run) -> Path | None:
    if bool(run.recipe.encoder) != (run.encoder is not None):
        wanted = run.recipe.encoder or "random weights"
        raise InvalidRequest(
            f"The encoder of {run.recipe.name} starts from {wanted}. "
            + ("Name its file with --encoder." if run.recipe.encoder else "Leave --encoder out.")
        )
    return run.encoder


def _ended(recipe: Recipe, progress: Progress) -> bool:
    stale = progress.epoch - progress.best_epoch
    return progress.epoch >= recipe.epochs or stale >= recipe.patience


def _epoch(learner: Learner, batches: Batches, epoch: int, report: Report) -> dict[str, float]:
    losses = []
    for step, (images, truths) in enumerate(batches.epoch(epoch), 1):
        losses.append(learner.learn(images, truths))
        report(epoch, step, None)
    return {"loss": sum(map(float, losses)) / len(losses)}


def _validate(learner: Learner, samples: Sequence[Sample]) -> dict[str, float]:
    if not samples:
        return {}
    scores = evaluate_samples(learner.segmenter, samples, CITYSCAPES)
    return {"mean_iou": scores.mean_iou or 0.0, "accuracy": scores.accuracy or 0.0}


def _note(learner: Learner, progress: Progress, values: dict[str, float]) -> None:
    """Count the epoch, and keep its weights when they are the best so far.

    Without validation data the latest weights count as the best.
    """
    progress.epoch += 1
    progress.history.append(values)
    score = values.get("mean_iou", float(progress.epoch))
    if score > progress.best_score:
        progress.best_epoch, progress.best_score = progress.epoch, score
        learner.keep_best()
