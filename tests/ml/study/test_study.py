from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ml.cli.study import study
from ml.networks.registry import NETWORKS
from ml.networks.unet import UNetMini
from ml.study.machine import Machine
from ml.study.plots import PLOTS
from ml.study.report import write_page
from ml.study.row_result import RowResult, read_row_result
from ml.study.rows import PROTOCOL, ROWS, find_rows, protocol_for
from ml.study.study import Study
from ml.training.training_run import TrainingStep
from roadmask.errors import InvalidRequest, TrainingStopped
from tests.harness.ml.eager import eagerly
from tests.harness.ml.street_folder import write_streets


@pytest.fixture(scope="module")
def narrow_networks() -> Iterator[None]:
    """The study's networks have millions of weights; how networks learn is tested elsewhere.

    So is the choice of a precision, `auto`: measuring takes longer than a row.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.training.train.measure_precisions", lambda _: {"float32": 1.0})
        for name in ("unet_mini", "unet", "vgg_unet"):
            patch.setitem(NETWORKS, name, partial(UNetMini, widths=(4, 4)))
        with eagerly():
            yield


def run_command(out: Path, *options: str) -> Result:
    return CliRunner().invoke(
        study, ["--smoke", "--out", str(out), *options], catch_exceptions=False
    )


@pytest.fixture(scope="module")
def smoke(narrow_networks: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished smoke run: all rows, on rendered scenes."""
    out = tmp_path_factory.mktemp("study")
    assert run_command(out).exit_code == 0
    return out


def outcome(name: str, iou: float = 0.6, **fields: object) -> RowResult:
    values: dict[str, object] = {
        "row": name,
        "recipe": ROWS[name].recipe(PROTOCOL).facts(),
        "data": {"camvid8/train": 367},
        "validation": {"camvid8/val": 101},
        "encoder": "vgg16.h5",
        "parameters": 18_000_000,
        "epoch": 9,
        "fit_seconds": 125.4,
        "processor_seconds": 250.0,
        "iou": iou,
        "accuracy": 0.9,
        "mean_iou": 0.5,
        "curves": {"mean_iou": [0.3, 0.4, 0.5]},
        "machine": Machine(processor="Some processor", cores=2, versions={"keras": "3"}),
        "git_revision": "0123456789ab",
    }
    return RowResult.model_validate(values | fields)


def test_a_row_differs_from_the_base_in_what_its_name_says_and_nowhere_else() -> None:
    base = ROWS["vgg_unet"].recipe(PROTOCOL).facts()
    changed = {
        name: {key for key, value in row.recipe(PROTOCOL).facts().items() if value != base[key]}
        for name, row in ROWS.items()
    }
    added = {"name", "augmentations", "augment_share"}
    assert changed == {
        "unet_mini": {"name", "network", "encoder"},
        "unet": {"name", "network", "encoder"},
        "vgg_unet": set(),
        "kl": {"name", "loss"},
        "mirror": added,
        "fog": added,
        "rain": added,
        "optimal": added | {"loss"},
    }
    assert ROWS["optimal"].recipe(PROTOCOL).augment_share == pytest.approx(0.3)


@pytest.mark.parametrize("name", ROWS)
def test_the_published_dice_follow_from_the_published_iou(name: str) -> None:
    published = ROWS[name].published
    assert published.dice == pytest.approx(2 * published.iou / (1 + published.iou), abs=0.0015)


def test_images_are_learnt_from_at_the_size_they_are_served_at() -> None:
    assert protocol_for(360, 480, None, smoke=False) == PROTOCOL
    assert protocol_for(1024, 2048, None, smoke=False).crop == (160, 320)
    assert protocol_for(360, 480, 30, smoke=False) == replace(PROTOCOL, epochs=30)


def test_rows_are_found_in_the_order_of_the_study() -> None:
    assert [row.name for row in find_rows("kl, unet")] == ["unet", "kl"]
    assert [row.name for row in find_rows("")] == list(ROWS)
    with pytest.raises(InvalidRequest, match=r"no row snow; choose from unet_mini, .*optimal"):
        find_rows("kl,snow")


def test_the_page_says_what_was_measured_beside_what_was_published(tmp_path: Path) -> None:
    outcomes = {name: outcome(name, iou=0.6) for name in ROWS}
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "reading.md").write_text("Fog helps.\n")
    page = write_page(outcomes, PROTOCOL, tmp_path).read_text()
    assert "| U-Net | 18.0 M | 2 min 05 s | 4 min 10 s | .600 | .750 | .900 | .500 | 9 |" in page
    assert "| U-Net | .740 | .850 | .882 | .600 | .750 | .900 |" in page
    assert "The data differ" in page
    assert page.endswith("## Reading\nFog helps.\n")
    assert (
        "roadmask study --data path/to/camvid8/train --val path/to/camvid8/val "
        "--encoder path/to/vgg16.h5 --out runs/study --rows kl\n"
    ) in page


def test_the_plots_have_the_same_bytes_for_the_same_figures(tmp_path: Path) -> None:
    outcomes = {name: outcome(name) for name in ROWS}
    for folder in ("first", "second"):
        write_page(outcomes, PROTOCOL, tmp_path / folder)
    for name in PLOTS:
        first, second = (tmp_path / f / "study" / f"{name}.svg" for f in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
        assert "mean IoU of the categories" in first.read_text()


def test_curves_show_the_soft_iou_where_every_run_has_it(tmp_path: Path) -> None:
    outcomes = {name: outcome(name, curves={"mean_iou": [0.4], "soft_iou": [0.7]}) for name in ROWS}
    write_page(outcomes, PROTOCOL, tmp_path)
    assert "soft pooled IoU" in (tmp_path / "study" / "networks.svg").read_text()


@pytest.mark.timeout(400)
def test_the_command_runs_all_rows_and_shows_them(smoke: Path) -> None:
    page = (smoke / "study.md").read_text()
    for name, row in ROWS.items():
        assert f"| {row.title} |" in page
        assert f"--rows {name}\n" in page
        found = read_row_result(smoke / name)
        assert found is not None
        assert found.iou > 0
        assert found.train_seconds > 0
        assert found.processor_seconds > 0
    assert str(smoke) not in page
    assert all((smoke / "study" / f"{name}.svg").exists() for name in PLOTS)


def test_a_finished_row_is_not_run_again(smoke: Path) -> None:
    kept = [smoke / "kl/artifact/card.json", *(smoke / "scenes").rglob("*.png")]
    before = [path.stat().st_mtime_ns for path in kept]
    result = run_command(smoke, "--rows", "kl")
    assert "8 rows in" in result.stdout
    assert [path.stat().st_mtime_ns for path in kept] == before
    with pytest.raises(InvalidRequest, match="epochs: 1 there, 2 here"):
        run_command(smoke, "--epochs", "2")


def test_an_interrupted_row_goes_on(narrow_networks: None, tmp_path: Path) -> None:
    streets = write_streets(tmp_path / "streets", 8)
    protocol = replace(protocol_for(96, 128, 2, smoke=True), batch=4)
    whole = Study(protocol, [streets], streets, tmp_path / "runs")
    epochs: list[int] = []

    def stopped() -> bool:
        return epochs == [1]

    def report(moment: TrainingStep) -> None:
        if moment.values is not None:
            epochs.append(moment.epoch)

    with pytest.raises(TrainingStopped):
        whole.run(ROWS["unet_mini"], report, stopped)
    assert whole.outcomes() == {}
    epochs.append(0)
    done = whole.run(ROWS["unet_mini"], report, stopped)
    assert epochs == [1, 0, 2]
    assert len(done.curves["mean_iou"]) == 2
    assert list(whole.outcomes()) == ["unet_mini"]
