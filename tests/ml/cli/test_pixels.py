"""`--pixels` reaches training, validation, calibration, evaluation, the card and the study.

A run on what a raw camera stores, with `--pixels`, is the same as a run on the 8-bit images that
these pixels make of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml.cli.evaluate import evaluate
from ml.cli.study import study
from ml.cli.train import train
from ml.networks.registry import NETWORKS
from ml.networks.unet import UNetMini
from ml.registry.artifact import Artifact
from ml.registry.card import Card
from ml.study.row_result import read_row_result
from roadmask.errors import InvalidRequest
from tests.harness.ml.camera_folder import PIXELS, write_camera
from tests.harness.ml.eager import eagerly

SAID = ["--pixels", str(PIXELS)]


@pytest.fixture(scope="module", autouse=True)
def narrow_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "unet_mini", partial(UNetMini, widths=(4, 4)))
        # Measuring them takes longer than a row of the study.
        patch.setattr("ml.training.train.measure_precisions", lambda _: {"float32": 1.0})
        with eagerly():
            yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The raw and the plain images."""
    return write_camera(tmp_path_factory.mktemp("camera"), 2)


def trained(data: Path, out: Path, *options: str) -> Card:
    arguments = ["unet_mini", "--data", str(data), "--val", str(data), "--out", str(out)]
    changes = ["--smoke", "--epochs", "1", "--workers", "1"]
    result = CliRunner().invoke(train, [*arguments, *changes, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return Artifact.load(out / "artifact").card


def test_a_model_of_raw_images_is_that_of_their_plain_ones(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    raw, plain = folders
    told = trained(raw, tmp_path / "raw", *SAID)
    expected = trained(plain, tmp_path / "plain")
    for name, values in expected.curves.items():
        assert told.curves[name] == pytest.approx(values, rel=1e-3), name
    [measured], [wanted] = told.metrics, expected.metrics
    assert measured.soft_iou == pytest.approx(wanted.soft_iou, rel=1e-3)
    assert measured.ece == pytest.approx(wanted.ece, rel=1e-2)
    assert told.calibration
    assert expected.calibration
    temperature = expected.calibration.temperature
    assert told.calibration.temperature == pytest.approx(temperature, rel=1e-2)
    assert (measured.pixels, wanted.pixels) == (str(PIXELS), "")
    assert told.provenance.pixels == {f"{raw.parent.name}/{raw.name}": str(PIXELS)}
    assert expected.provenance.pixels == {}

    command = [str(tmp_path / "raw" / "artifact"), str(raw), "--json", "--engine", "keras"]
    result = CliRunner().invoke(evaluate, [*command, *SAID], catch_exceptions=False)
    assert json.loads(result.stdout).items() >= measured.scores.model_dump().items()

    with pytest.raises(InvalidRequest, match=r"other --pixels \(bits=12,cfa=RGGB"):
        trained(raw, tmp_path / "raw", "--pixels", "bits=12")


def test_a_study_of_raw_images_is_that_of_their_plain_ones(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    def studied(data: Path, *options: str) -> float:
        out = tmp_path / data.parent.name
        arguments = ["--smoke", "--rows", "unet_mini", "--epochs", "1", "--out", str(out)]
        folders = ["--data", str(data), "--val", str(data)]
        CliRunner().invoke(study, [*arguments, *folders, *options], catch_exceptions=False)
        result = read_row_result(out / "unet_mini")
        assert result
        assert result.pixels == ("" if not options else str(PIXELS))
        return result.iou

    raw, plain = folders
    assert studied(raw, *SAID) == pytest.approx(studied(plain), rel=1e-3)
    with pytest.raises(InvalidRequest, match="pixels: bits=12"):
        studied(raw)
