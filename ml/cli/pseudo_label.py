"""`roadmask pseudo-label`: partly annotated images, completed by a model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.cli.dataset import Scales, exit_after, meter, say_labels
from roadmask.cli.options.reading import reading_options
from roadmask.settings import Settings

if TYPE_CHECKING:
    from roadmask.images.reading import Reading


class WeightedModel(click.ParamType[tuple[str, float]]):
    """A model, and after a colon its weight if that is not 1."""

    name = "MODEL[:WEIGHT]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The model and its weight."""
        model, colon, number = str(value).rpartition(":")
        if not colon:
            return str(value), 1.0
        try:
            weight = float(number)
        except ValueError:
            return str(value), 1.0
        if not 0 < weight < math.inf:
            self.fail(f"{number} is no weight; give a number above 0.", param, ctx)
        return model, weight


@click.command("pseudo-label")
@click.argument("artifact")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--teaches", required=True, multiple=True, help="A category whose annotation is kept; repeat."
)
@click.option(
    "--sure",
    default=0.7,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Probability from which ARTIFACT labels a pixel with another category.",
)
@click.option(
    "--doubt",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Annotated pixels become void where other categories have more probability.",
)
@click.option(
    "--scales",
    type=Scales(),
    default="0.75,1,1.25",
    show_default=True,
    help="Scales of the views whose probabilities are averaged.",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    type=WeightedModel(),
    help="Another model whose probabilities are averaged with those of ARTIFACT; repeat. ARTIFACT "
    "has weight 1.",
)
@click.option(
    "--soft", is_flag=True, help="Also write the probabilities, for recipes with distillation."
)
@reading_options
def pseudo_label(
    artifact: str,
    data: Path,
    out: Path,
    teaches: tuple[str, ...],
    sure: float,
    doubt: float,
    scales: tuple[float, ...],
    others: tuple[tuple[str, float], ...],
    soft: bool,
    reading: Reading,
) -> None:
    """Complete the partial annotation of DATA with ARTIFACT, and write it to OUT to train on.

    OUT gets images/, masks/ and labels.json, which says how the labels were made; with --soft also
    soft/. What is neither annotated nor sure is void. Every view is also shown mirrored. Images
    that cannot be read, whose masks cannot, or on which ARTIFACT fails are named and left out; the
    exit code is then 1.
    """
    from ml.registry.artifact import find_comparable
    from roadmask.errors import InvalidRequest

    models = [(find_comparable(name), weight) for name, weight in ((artifact, 1.0), *others)]
    found, _ = models[0]
    names = [found.taxonomy.names[index] for index in found.taxonomy.real]
    if unknown := [name for name in teaches if name not in names]:
        raise InvalidRequest(f"No category {unknown[0]!r}; choose from {', '.join(names)}.")
    from ml.data.annotated import LeftOut
    from ml.data.partial_labels import PartialLabels
    from ml.data.pseudo_labels import write_pseudo_labels
    from ml.data.samples import annotated_samples
    from ml.data.teachers import Teacher
    from ml.engines.choice import choose
    from ml.inference.predictor import Predictor
    from ml.inference.tta import tta_views

    settings = Settings()
    said = [f"{model.model_version}:{weight:g}" for model, weight in models]
    teacher = ", ".join(said) if others else str(found.model_version)
    rules = PartialLabels(teaches=teaches, sure=sure, doubt=doubt, teacher=teacher)
    teachers = [
        Teacher(Predictor(model, choose(model, settings)), weight) for model, weight in models
    ]
    views = tta_views(scales, mirror=True)
    say_labels(data, reading)
    steps = write_pseudo_labels(
        teachers, data, out, rules, found.taxonomy, views, reading, soft=soft
    )
    done = meter("labelling", steps, len(annotated_samples(data, reading)))
    left_out = [each for each in done if isinstance(each, LeftOut)]
    click.echo(f"The labels are in {out}.")
    exit_after(left_out)
