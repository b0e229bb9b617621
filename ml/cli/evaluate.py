"""`roadmask evaluate`: what an artifact is worth on annotated images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ml.cli.breakdown import breakdown_table
from ml.cli.conditions import conditions_option, conditions_table, figure, measure_conditions
from ml.cli.dataset import Scales, dataset_options, exit_after, meter, open_dataset
from roadmask.schemas.mask_parameters import Quality
from roadmask.settings import EngineName, Settings

if TYPE_CHECKING:
    from ml.data.annotated import AnnotatedDataset
    from ml.engines.choice import Choice
    from ml.inference.predictor import Predictor
    from ml.inference.segmenter import TtaView
    from ml.registry.artifact import Artifact
    from roadmask.images.reading import Reading


@click.command()
@click.argument("artifact")
@click.argument("dataset")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--confusion", "with_confusion", is_flag=True, help="Print the confusion matrix too.")
@click.option("--report", type=click.Path(path_type=Path), help="Write an HTML report here.")
@click.option(
    "--worst", default=12, show_default=True, type=click.IntRange(0), help="Images in the report."
)
@click.option(
    "--scales", type=Scales(), default="1", show_default=True, help="Such as `0.75,1,1.25`."
)
@click.option(
    "--engine",
    type=click.Choice(get_args(EngineName)),
    help="What computes the network; as ROADMASK_ENGINE, else `auto`.",
)
@click.option("--mirror", is_flag=True, help="Also show the network every image mirrored.")
@click.option(
    "--quality",
    type=click.Choice(get_args(Quality)),
    help="As the card says; instead of --scales and --mirror.",
)
@conditions_option
@dataset_options
def evaluate(
    artifact: str,
    dataset: str,
    as_json: bool,
    with_confusion: bool,
    report: Path | None,
    worst: int,
    scales: tuple[float, ...],
    mirror: bool,
    quality: Quality | None,
    conditions: bool,
    engine: EngineName | None,
    url: str | None,
    api_key: str | None,
    reading: Reading,
) -> None:
    """Measure ARTIFACT (a name, a version, `name@version`, a folder or `default`) on DATASET.

    DATASET is a folder of annotated images or the name of a dataset in a running service.

    Masks are compared at the images' own size, void truth ignored, by the code that serves. With
    several --scales, or --mirror, the probabilities of all views are averaged: this is slower than
    serving, and the masks of the service are made without it.

    With --conditions every image is also measured with haze, rain, snow, little light, blur, noise,
    JPEG and more: 34 times the work. The corruptions are seeded: every model meets the same pixels.

    A report holds pictures of the data: pass it on only to those who may see them. Its images are
    those with the lowest mean IoU; --worst 0 makes one without pictures.

    An image that cannot be read, or that ARTIFACT fails on, is named and left out: exit code 1.
    """
    from ml.registry.artifact import find_comparable

    found = find_comparable(artifact)
    source = partial(open_dataset, dataset, url, api_key, reading)
    with source() as data:
        # What computes takes seconds to load: only once there is a model and data to load it for.
        from ml.engines.choice import choose
        from ml.evaluation.evaluation import Evaluation
        from ml.evaluation.gallery import WorstImages
        from ml.evaluation.report import evaluation_page, write_report
        from ml.evaluation.summary import offer_worst, summarize

        choice = choose(found, Settings(), engine)
        click.echo(f"engine {choice.engine}: {choice.why}", err=True)
        predictor, views = _predictor_and_views(found, choice, scales, mirror, quality)
        gallery = WorstImages(worst if report else 0)
        evaluation = Evaluation(predictor, found.taxonomy, views, warm=True)
        for seen in meter("evaluating", evaluation.run(data.load(), data.left_out), data.total):
            offer_worst(gallery, seen, found.taxonomy)
    summary = summarize(evaluation, views) | {"conditions": None}
    if conditions:
        summary["conditions"] = measure_conditions(predictor, source, data.left_out, views)
    summary = _about(found, choice, data) | summary
    if report:
        file = write_report(evaluation_page(summary, gallery, found.taxonomy), report)
        click.echo(f"The report is {file}.", err=True)
    click.echo(json.dumps(summary, indent=2)) if as_json else _print(summary, with_confusion)
    exit_after(data.left_out)


def _about(artifact: Artifact, choice: Choice, data: AnnotatedDataset) -> dict[str, Any]:
    return {
        "artifact": str(artifact.model_version),
        "engine": choice.engine,
        "dataset": data.name,
        "left_out": [asdict(each) for each in data.left_out],
    }


def _predictor_and_views(
    artifact: Artifact,
    choice: Choice,
    scales: tuple[float, ...],
    mirror: bool,
    quality: Quality | None,
) -> tuple[Predictor, Sequence[TtaView]]:
    from ml.inference.predictor import Predictor
    from ml.inference.tta import tta_views
    from ml.registry.card import quality_mode

    predictor = Predictor(artifact, choice)
    if quality is None:
        return predictor, tta_views(scales, mirror)
    mode = quality_mode(artifact.card, quality)
    return predictor.at(quality), tta_views(mode.scales, mode.mirror)


def _print(summary: dict[str, Any], with_confusion: bool) -> None:
    from rich.console import Console

    console = Console(markup=False)
    console.print(_scores(summary))
    if with_confusion:
        console.print(_confusion(summary["confusion"]))
    console.print(breakdown_table({"": summary}))
    if summary["conditions"]:
        console.print(conditions_table({"": summary["conditions"]}))
    speed = summary["speed"]
    console.print(
        f"pixel accuracy {_with(summary['accuracy'], summary['intervals']['accuracy'])}\n"
        f"frequency-weighted IoU {figure(summary['frequency_weighted_iou'])}\n"
        f"soft IoU {figure(summary['soft_iou'])}, soft Dice {figure(summary['soft_dice'])} "
        "(the study's measure: pixels and categories pooled)\n"
        f"calibration error {figure(summary['ece'])}\n"
        f"{speed['predictor_images_per_s']:.1f} images/s, "
        f"{speed['with_decoding_images_per_s']:.1f} with decoding",
        highlight=False,
        soft_wrap=True,
    )


def _scores(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    spans = summary["intervals"]
    table = Table(
        title=f"{summary['artifact']} on {summary['dataset']}, {summary['images']} images"
    )
    table.add_column("category")
    for heading in ("IoU", f"{spans['level']:.0%} interval", "Dice", "pixels"):
        table.add_column(heading, justify="right")
    for name, score in summary["per_category"].items():
        span = _span(spans["per_category"][name])
        table.add_row(
            name, figure(score["iou"]), span, figure(score["dice"]), f"{score['pixels']:,}"
        )
    table.add_section()
    mean = figure(summary["mean_iou"]), _span(spans["mean_iou"]), figure(summary["mean_dice"])
    table.add_row("mean", *mean, "")
    return table


def _confusion(matrix: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="Of the pixels of each row's category, % taken for the column's")
    table.add_column("truth")
    for name in matrix["prediction"]:
        table.add_column(name, justify="right")
    for name, shares in zip(matrix["truth"], matrix["shares"], strict=True):
        cells = ("–" if shares is None else f"{100 * share:.1f}" for share in shares or ())
        table.add_row(name, *cells)
    return table


def _span(interval: list[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _with(value: float | None, interval: list[float] | None) -> str:
    return f"{figure(value)} ({_span(interval)})"
