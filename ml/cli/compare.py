"""`roadmask compare`: where two artifacts differ, and whether the second fell behind."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.cli.breakdown import breakdown_table
from ml.cli.conditions import conditions_option, conditions_table, measure_conditions
from ml.cli.dataset import dataset_options, exit_after, meter, open_dataset
from roadmask.settings import Settings

if TYPE_CHECKING:
    from ml.data.annotated import AnnotatedDataset
    from ml.registry.artifact import Artifact
    from roadmask.images.reading import Reading


@click.command()
@click.argument("a")
@click.argument("b")
@click.argument("dataset")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="Write an HTML report here.")
@click.option(
    "--worst", default=12, show_default=True, type=click.IntRange(0), help="Images in the report."
)
@click.option(
    "--tolerance",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Largest fall of an IoU that is tolerated.",
)
@conditions_option
@dataset_options
def compare(
    a: str,
    b: str,
    dataset: str,
    as_json: bool,
    report: Path | None,
    worst: int,
    tolerance: float,
    conditions: bool,
    url: str | None,
    api_key: str | None,
    reading: Reading,
) -> None:
    """Compare artifact A (in service, say) with artifact B (its successor) on DATASET.

    A and B are names, versions, `name@version`, folders or `default`; DATASET is a folder of
    annotated images or the name of a dataset in a running service.

    The exit code is 1 when a category falls: when the 95 % interval of its change of IoU from A
    to B lies wholly below minus --tolerance. Both are measured on the same redraws of the images
    (paired bootstrap), so what makes an image hard for both does not widen the interval. A
    handful of images is too few for this, and frames of one video count for less than they seem.

    A report holds pictures of the data: pass it on only to those who may see them. Its images are
    those on which A and B differ most; --worst 0 makes one without pictures.

    An image that cannot be read, or that A or B fails on, is named and left out: exit code 1 too.
    """
    from ml.registry.artifact import find_comparable

    first, second = find_comparable(a), find_comparable(b)
    from ml.engines.choice import choose
    from ml.evaluation.comparison import Comparison, gallery_image
    from ml.evaluation.gallery import WorstImages
    from ml.evaluation.report import comparison_page, write_report
    from ml.inference.predictor import Predictor

    settings = Settings()
    predictors = {
        letter: Predictor(each, choose(each, settings))
        for letter, each in (("a", first), ("b", second))
    }
    comparison = Comparison(predictors["a"], predictors["b"], first.taxonomy)
    gallery = WorstImages(worst if report else 0)
    source = partial(open_dataset, dataset, url, api_key, reading)
    with source() as data:
        for each in meter("comparing", comparison.run(data.load(), data.left_out), data.total):
            gallery.offer(-each.share, partial(gallery_image, each, first.taxonomy))
    summary = comparison.summarize(tolerance) | {"conditions": {}}
    for letter, predictor in predictors.items() if conditions else ():
        summary["conditions"][letter] = measure_conditions(predictor, source, data.left_out)
    summary = _about(first, second, data) | summary
    if report:
        file = write_report(comparison_page(summary, gallery, first.taxonomy), report)
        click.echo(f"The report is {file}.", err=True)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        _print(summary)
    exit_after(data.left_out, failed=bool(summary["fallen"]))


def _about(first: Artifact, second: Artifact, data: AnnotatedDataset) -> dict[str, Any]:
    versions = {"a": str(first.model_version), "b": str(second.model_version)}
    left_out = [asdict(each) for each in data.left_out]
    return {**versions, "dataset": data.name, "left_out": left_out}


def _print(summary: dict[str, Any]) -> None:
    from rich.console import Console

    apart = summary["disagreement"]
    console = Console(markup=False)
    console.print(_changes(summary))
    parts = summary["breakdown"]
    console.print(breakdown_table({"A": parts["a"], "B": parts["b"]}))
    if summary["conditions"]:
        found = summary["conditions"]
        console.print(conditions_table({"A": found["a"], "B": found["b"]}))
    console.print(
        f"{apart['share']:.2%} of the annotated pixels differ: {apart['put_right']:.2%} put right, "
        f"{apart['broken']:.2%} broken, {apart['wrong_otherwise']:.2%} wrong otherwise",
        highlight=False,
    )
    for turn in apart["turns"][:5]:
        console.print(
            f"  {turn['from']} became {turn['to']}: {turn['share']:.2%} of the pixels, "
            f"rightly in {turn['right_now']:.0%}, wrongly in {turn['right_before']:.0%}",
            highlight=False,
        )
    if summary["fallen"]:
        console.print(f"B falls behind A in {', '.join(summary['fallen'])}.", style="bold red")
    else:
        console.print("No category falls.", style="green")


def _changes(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    models = f"{summary['a']} and {summary['b']}"
    table = Table(title=f"{models} on {summary['dataset']}, {summary['images']} images")
    table.add_column("IoU")
    for heading in ("A", "B", "change", f"{summary['level']:.0%} interval", ""):
        table.add_column(heading, justify="right")
    for name, each in summary["per_category"].items():
        table.add_row(name, *_cells(each))
    table.add_section()
    for name in ("mean_iou", "accuracy"):
        table.add_row(name.replace("_iou", " IoU"), *_cells(summary[name]))
    return table


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    if each["interval"] is None:
        return ("–",) * 4 + ("",)
    low, high = each["interval"]
    values = f"{each['a']:.4f}", f"{each['b']:.4f}", f"{each['change']:+.4f}"
    return *values, f"{low:+.3f} to {high:+.3f}", "falls" if each["fell"] else ""
