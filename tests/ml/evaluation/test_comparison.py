from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ml.cli.compare import compare
from ml.data.annotated import from_folder
from ml.engines.choice import choose
from ml.evaluation.comparison import Compared, Comparison
from ml.evaluation.evaluation import Evaluation
from ml.evaluation.summary import summarize
from ml.inference.predictor import Predictor
from ml.inference.segmenter import PLAIN, Segmenter
from ml.registry.artifact import Artifact, find_artifact
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.settings import Settings
from tests.harness.ml.bright_network import fails_on_white, whiten
from tests.harness.ml.street_folder import write_streets


def served(artifact: Artifact) -> Segmenter:
    """As `compare` runs it."""
    return Predictor(artifact, choose(artifact, Settings()))


@pytest.fixture(scope="module")
def before(artifact: Artifact) -> Segmenter:
    return served(artifact)


@pytest.fixture(scope="module")
def after() -> Segmenter:
    return served(find_artifact("unet_mini"))


@pytest.fixture(scope="module")
def comparison(before: Segmenter, after: Segmenter) -> Comparison:
    return Comparison(before, after, CITYSCAPES)


@pytest.fixture(scope="module")
def compared(comparison: Comparison, streets: Path) -> list[Compared]:
    return list(comparison.run(from_folder(streets).load()))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(compare, [str(each) for each in arguments], catch_exceptions=False)


def test_both_score_as_they_do_alone(
    comparison: Comparison,
    compared: list[Compared],
    before: Segmenter,
    after: Segmenter,
    streets: Path,
) -> None:
    found = comparison.summarize()
    assert found["images"] == len(compared) == 6
    for letter, segmenter in (("a", before), ("b", after)):
        alone = Evaluation(segmenter, CITYSCAPES)
        list(alone.run(from_folder(streets).load()))
        told = summarize(alone, (PLAIN,))
        assert found["mean_iou"][letter] == pytest.approx(told["mean_iou"])
        assert found["accuracy"][letter] == pytest.approx(told["accuracy"])
        for name, score in told["per_category"].items():
            assert found["per_category"][name][letter] == pytest.approx(score["iou"])
        parts = found["breakdown"][letter]
        assert parts == {name: told[name] for name in parts}


def test_disagreement_is_what_sklearn_counts(
    comparison: Comparison, compared: list[Compared]
) -> None:
    from sklearn.metrics import confusion_matrix

    truth, a, b = (
        np.concatenate([getattr(each, part).ravel() for each in compared])
        for part in ("truth", "before", "after")
    )
    kept = truth != CITYSCAPES.void
    truth, a, b = truth[kept], a[kept], b[kept]
    found = comparison.summarize()["disagreement"]
    assert found["share"] == pytest.approx((a != b).mean())
    assert found["put_right"] == pytest.approx(((a != truth) & (b == truth)).mean())
    assert found["broken"] == pytest.approx(((a == truth) & (b != truth)).mean())
    neither = (a != b) & (a != truth) & (b != truth)
    assert found["wrong_otherwise"] == pytest.approx(neither.mean())
    turns = confusion_matrix(a, b, labels=range(8))
    np.testing.assert_array_equal(turns, sum(each.turns for each in compared))
    assert found["turns"]
    for turn in found["turns"]:
        row, column = CITYSCAPES.index(turn["from"]), CITYSCAPES.index(turn["to"])
        here = (a == row) & (b == column)
        assert turn["share"] == pytest.approx(turns[row, column] / len(truth))
        assert turn["right_before"] == pytest.approx((truth[here] == row).mean())
        assert turn["right_now"] == pytest.approx((truth[here] == column).mean())


def test_a_category_falls_when_its_interval_lies_below_the_tolerance(
    comparison: Comparison, compared: list[Compared]
) -> None:
    assert compared
    for tolerance in (0.0, 0.05, 0.5):
        found = comparison.summarize(tolerance)
        expected = [
            name
            for name, each in found["per_category"].items()
            if each["interval"] and each["interval"][1] < -tolerance
        ]
        assert found["fallen"] == expected
    assert comparison.summarize(1.0)["fallen"] == []


def test_the_exit_code_says_whether_a_category_fell(artifact: Artifact, streets: Path) -> None:
    """The sky of a trained model is better than that of one that learnt nothing."""
    worse = run("unet_mini", artifact.path, streets, "--json")
    assert worse.exit_code == 1
    assert "sky" in json.loads(worse.stdout)["fallen"]
    let_pass = run("unet_mini", artifact.path, streets, "--tolerance", 1)
    assert let_pass.exit_code == 0
    assert "No category falls." in let_pass.stdout
    assert "found, small objects" in let_pass.stdout


def test_an_artifact_does_not_differ_from_itself(artifact: Artifact, streets: Path) -> None:
    result = run(artifact.path, artifact.path, streets, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["disagreement"]["share"] == 0
    assert found["mean_iou"]["interval"] == [0, 0]
    assert found["per_category"]["object"]["change"] is None
    assert found["breakdown"]["a"] == found["breakdown"]["b"]


def test_the_report_shows_the_images_that_differ_most(artifact: Artifact, tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "<streets>", 3)
    result = run(artifact.path, "unet_mini", folder, "--report", tmp_path, "--worst", 2)
    page = (tmp_path / "report.html").read_text()
    assert str(tmp_path / "report.html") in result.stderr.replace("\n", "")
    assert page.count("<article>") == 2
    assert page.count("data:image/jpeg;base64,") == 10
    assert "&lt;streets&gt;" in page
    assert "<streets>" not in page
    assert "//" not in re.sub(r"data:[^\"]*", "", page)


def test_an_image_on_which_one_of_the_two_fails_is_left_out_for_both(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADMASK_ENGINE", "keras")
    streets = write_streets(tmp_path / "streets", 3)
    failing = fails_on_white(streets, tmp_path / "run")
    whiten(streets / "images/001.png")
    done = run(artifact.path, failing.path, streets, "--json", "--tolerance", "1")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["images"], found["fallen"]) == (1, 2, [])
    assert [each["name"] for each in found["left_out"]] == ["001"]
