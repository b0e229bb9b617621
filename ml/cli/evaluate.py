"""`roadmask evaluate`: what an artifact is worth on annotated images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from ml.cli.dataset import Scales, dataset_options, meter, open_dataset
from roadmask.settings import EngineName, Settings


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
    engine: EngineName | None,
    url: str | None,
    api_key: str | None,
) -> None:
    """Measure ARTIFACT (a name, a version, `name@version`, a folder or `default`) on DATASET.

    DATASET is a folder of annotated images or the name of a dataset in a running service.

    Masks are compared at the images' own size, void truth ignored, by the code that serves. With
    several --scales, or --mirror, the probabilities of all views are averaged: that is slower than
    serving, and not what it gives.

    A report holds pictures of the data: pass it on only to those who may see them. Its images are
    those with the lowest mean IoU; --worst 0 makes one without pictures.
    """
    from ml.artifact import find_artifact

    found = find_artifact(artifact)
    # What computes takes seconds to load: only once there is a model to load it for.
    from ml.engines.choice import choose
    from ml.evaluation import Evaluation
    from ml.exhibits import Worst
    from ml.findings import findings, show_worst
    from ml.predictor import Predictor
    from ml.report import evaluation_page, write_report
    from ml.views import views

    choice = choose(found, Settings(), engine)
    click.echo(f"engine {choice.engine}: {choice.why}", err=True)
    looks, gallery = views(scales, mirror), Worst(worst if report else 0)
    with open_dataset(dataset, url, api_key) as data:
        evaluation = Evaluation(Predictor(found, choice), found.taxonomy, looks)
        for seen in meter("evaluating", evaluation.run(data.images), data.total):
            show_worst(gallery, seen, found.taxonomy)
    about = {
        "artifact": f"{found.name}@{found.version}",
        "engine": choice.engine,
        "dataset": data.name,
    }
    told = about | findings(evaluation, looks)
    if report:
        file = write_report(evaluation_page(told, gallery, found.taxonomy), report)
        click.echo(f"The report is {file}.", err=True)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        _print(told, with_confusion)


def _print(told: dict[str, Any], with_confusion: bool) -> None:
    from rich.console import Console

    console = Console()
    console.print(_scores(told))
    if with_confusion:
        console.print(_confusion(told["confusion"]))
    speed = told["speed"]
    console.print(
        f"pixel accuracy {_with(told['accuracy'], told['intervals']['accuracy'])}\n"
        f"frequency-weighted IoU {_figure(told['frequency_weighted_iou'])}\n"
        f"soft IoU {_figure(told['soft_iou'])}, soft Dice {_figure(told['soft_dice'])} "
        "(the study's measure: pixels and categories pooled)\n"
        f"calibration error {_figure(told['ece'])}\n"
        f"{speed['predictor_images_per_s']:.1f} images/s, "
        f"{speed['with_decoding_images_per_s']:.1f} with decoding",
        highlight=False,
        soft_wrap=True,
    )


def _scores(told: dict[str, Any]) -> Any:
    from rich.table import Table

    spans = told["intervals"]
    table = Table(title=f"{told['artifact']} on {told['dataset']}, {told['images']} images")
    table.add_column("category")
    for heading in ("IoU", f"{spans['level']:.0%} interval", "Dice", "pixels"):
        table.add_column(heading, justify="right")
    for name, score in told["per_category"].items():
        span = _span(spans["per_category"][name])
        table.add_row(
            name, _figure(score["iou"]), span, _figure(score["dice"]), f"{score['pixels']:,}"
        )
    table.add_section()
    mean = _figure(told["mean_iou"]), _span(spans["mean_iou"]), _figure(told["mean_dice"])
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


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _span(bounds: list[float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _with(value: float | None, bounds: list[float] | None) -> str:
    return f"{_figure(value)} ({_span(bounds)})"
