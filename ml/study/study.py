"""Running the study: row by row, each in a folder of its own, none of them twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from ml.data.data_source import DataSource
from ml.data.samples import annotated_samples, count_samples, read_pair
from ml.recipes.recipe import Recipe
from ml.registry.artifact import Artifact
from ml.study.cpu_clock import CpuClock
from ml.study.machine import Machine
from ml.study.row_result import RowResult, read_row_result
from ml.study.rows import ROWS, Row
from ml.training.train import train
from ml.training.training_run import Run, StepCallback, TrainingStep
from roadmask.errors import InvalidRequest
from roadmask.images.reading import AS_FOUND, Reading


@dataclass(frozen=True)
class Study:
    """One protocol on one choice of data; its rows have their folders in `folder`."""

    protocol: Recipe
    data: Sequence[Path]
    validation: Path
    folder: Path
    reading: Reading = AS_FOUND
    """How the folders are read."""
    encoder: Path | None = None
    """File of the weights that the rows with an encoder start from; None: that of those named."""

    def outcomes(self) -> dict[str, RowResult]:
        """What the finished rows came to, in the study's order.

        Raises `InvalidRequest` when a row was run under another protocol or on other data.
        """
        found = {name: read_row_result(self.folder / name) for name in ROWS}
        outcomes = {name: outcome for name, outcome in found.items() if outcome}
        for name, outcome in outcomes.items():
            self._check(outcome, ROWS[name])
        return outcomes

    def run(self, row: Row, report: StepCallback, stopped: Callable[[], bool]) -> RowResult:
        """Train and measure a row; one that was interrupted goes on from its last checkpoint.

        Raises what `train` raises.
        """
        # What the rows before left in memory, and in the names of layers.
        keras.utils.clear_session()
        recipe, folder = row.recipe(self.protocol), self.folder / row.name
        folder.mkdir(parents=True, exist_ok=True)
        encoder = self.encoder if recipe.encoder else None
        clock = CpuClock(folder / "processor_seconds")

        def note(moment: TrainingStep) -> None:
            clock.update()
            report(moment)

        run = Run(
            recipe,
            [DataSource(folder, reading=self.reading) for folder in self.data],
            [self.validation],
            folder,
            row.name,
            encoder,
            reading=self.reading,
        )
        artifact = train(run, note, stopped)
        outcome = _outcome(row, recipe, artifact, encoder, clock.seconds)
        outcome.write(folder)
        # Hundreds of megabytes for each row, and nothing is left that would need them.
        run.checkpoint.unlink()
        return outcome

    def _check(self, outcome: RowResult, row: Row) -> None:
        data = {
            "data": count_samples(self.data, self.reading),
            "val": count_samples([self.validation], self.reading),
            "pixels": str(self.reading.pixels),
        }
        here = row.recipe(self.protocol).facts() | data
        there = {**outcome.recipe, "data": outcome.data, "val": outcome.validation}
        there["pixels"] = outcome.pixels
        # Recipes may have got more fields since.
        for key in (key for key in there if key in here and here[key] != there[key]):
            raise InvalidRequest(
                f"{self.folder / row.name} holds a row of another study ({key}: "
                f"{there[key]} there, {here[key]} here). Choose another folder."
            )


def _outcome(
    row: Row, recipe: Recipe, artifact: Artifact, encoder: Path | None, processor_s: float
) -> RowResult:
    """What the artifact's card says, and what the card does not know."""
    card = artifact.card
    (measured,) = card.metrics
    return RowResult(
        row=row.name,
        recipe=recipe.facts(),
        data=card.provenance.data,
        validation={measured.dataset: measured.scores.images},
        pixels=measured.pixels,
        encoder=encoder.name if encoder else "",
        parameters=card.parameters,
        epoch=card.provenance.epochs,
        train_seconds=card.provenance.seconds or 0.0,
        processor_seconds=processor_s,
        iou=measured.soft_iou or 0.0,
        accuracy=measured.scores.accuracy or 0.0,
        mean_iou=measured.scores.mean_iou or 0.0,
        curves=card.curves,
        machine=Machine.here(),
        git_revision=card.provenance.git_revision,
    )


def image_size(folder: Path, reading: Reading = AS_FOUND) -> tuple[int, int]:
    """Height and width of a data set's first image."""
    image, _ = read_pair(annotated_samples(folder, reading)[0])
    return image.shape[0], image.shape[1]
