"""`roadmask compare`: where two artifacts differ, and whether the second fell behind."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from ml.cli.dataset import dataset_options, meter, open_dataset
from roadmask.cli.exits import Exit
from roadmask.settings import Settings


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
    help="A fall of IoU that is let pass.",
)
@dataset_options
@click.pass_context
def compare(
    ctx: click.Context,
    a: str,
    b: str,
    dataset: str,
    as_json: bool,
    report: Path | None,
    worst: int,
    tolerance: float,
    url: str | None,
    api_key: str | None,
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
    """
    from ml.artifact import find_artifact
    from roadmask.errors import InvalidRequest

    first, second = find_artifact(a), find_artifact(b)
    if first.taxonomy != second.taxonomy:
        raise InvalidRequest(
            f"{a} answers in {first.taxonomy.name} and {b} in {second.taxonomy.name}: masks of "
            "different categories cannot be compared."
        )
    from ml.comparison import Comparison, exhibit
    from ml.engines.choice import choose
    from ml.exhibits import Worst
    from ml.predictor import Predictor
    from ml.report import comparison_page, write_report

    settings = Settings()
    comparison = Comparison(
        Predictor(first, choose(first, settings)),
        Predictor(second, choose(second, settings)),
        first.taxonomy,
    )
    gallery = Worst(worst if report else 0)
    with open_dataset(dataset, url, api_key) as data:
        for each in meter("comparing", comparison.run(data.images), data.total):
            gallery.offer(-each.share, partial(exhibit, each, first.taxonomy))
    about = {"a": f"{first.name}@{first.version}", "b": f"{second.name}@{second.version}"}
    told = about | {"dataset": data.name} | comparison.findings(tolerance)
    if report:
        file = write_report(comparison_page(told, gallery, first.taxonomy), report)
        click.echo(f"The report is {file}.", err=True)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        _print(told)
    ctx.exit(Exit.FAILURES if told["fallen"] else Exit.OK)


def _print(told: dict[str, Any]) -> None:
    from rich.console import Console

    apart = told["disagreement"]
    console = Console()
    console.print(_changes(told))
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
    if told["fallen"]:
        console.print(f"B falls behind A in {', '.join(told['fallen'])}.", style="bold red")
    else:
        console.print("No category falls.", style="green")


def _changes(told: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(
        title=f"{told['a']} and {told['b']} on {told['dataset']}, {told['images']} images"
    )
    table.add_column("IoU")
    for heading in ("A", "B", "change", f"{told['level']:.0%} interval", ""):
        table.add_column(heading, justify="right")
    for name, each in told["per_category"].items():
        table.add_row(name, *_cells(each))
    table.add_section()
    for name in ("mean_iou", "accuracy"):
        table.add_row(name.replace("_iou", " IoU"), *_cells(told[name]))
    return table


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    if each["interval"] is None:
        return ("–",) * 4 + ("",)
    low, high = each["interval"]
    values = f"{each['a']:.4f}", f"{each['b']:.4f}", f"{each['change']:+.4f}"
    return *values, f"{low:+.3f} to {high:+.3f}", "falls" if each["fell"] else ""
