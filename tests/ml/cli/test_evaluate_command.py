"""`roadmask evaluate`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from ml.cli.conditions import measure_conditions
from ml.cli.evaluate import evaluate
from ml.data.annotated import from_folder
from ml.evaluation.evaluation import Evaluation
from ml.inference.predictor import Predictor
from ml.registry.artifact import Artifact
from roadmask import Client, find_samples
from roadmask.errors import InvalidRequest, ModelFailed, ServiceUnreachable
from roadmask.folder.dataset.ingest import ingest
from roadmask.masks.scores import mean_iou
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.api.fixtures import api, empty_api, settings, store
from tests.harness.api.server import ApiServer
from tests.harness.ml.bright_network import fails_on_white, whiten
from tests.harness.ml.street_folder import write_streets
from tests.servers.process import free_port

__all__ = ["api", "empty_api", "settings", "store"]


def invoke(*arguments: object) -> Result:
    words = [*map(str, arguments), "--engine", "keras"]
    return CliRunner().invoke(evaluate, words, catch_exceptions=False)


def test_json_has_everything_that_was_measured(artifact: Artifact, streets: Path) -> None:
    found = json.loads(invoke(artifact.path, streets, "--json").stdout)
    spans = found["intervals"]
    for name, score in found["per_category"].items():
        if score["iou"] is None:
            assert spans["per_category"][name] is None
        else:
            low, high = spans["per_category"][name]
            assert low <= score["iou"] <= high
    assert spans["mean_iou"][0] <= found["mean_iou"] <= spans["mean_iou"][1]
    assert found["soft_dice"] == pytest.approx(2 * found["soft_iou"] / (1 + found["soft_iou"]))
    assert 0 <= found["ece"] <= 1
    assert found["iou_by_distance"].keys() == {"inner", "middle", "outer"}
    for table in ("accuracy_by_size", "found_by_size"):
        assert 0 <= found[table]["large"]["mean"] <= 1
    assert found["objects_by_size"]["large"]["sky"] >= 6
    assert found["speed"]["predictor_images_per_s"] > found["speed"]["with_decoding_images_per_s"]
    size = list(artifact.card.input_size.size(96, 128))
    assert found["protocol"] == {"scales": [1.0], "mirror": False, "size": [size]}


def test_views_change_the_scores_and_nothing_else_does(artifact: Artifact, streets: Path) -> None:
    plain = json.loads(invoke(artifact.path, streets, "--json").stdout)
    several = json.loads(
        invoke(artifact.path, streets, "--json", "--scales", "1,1.5", "--mirror").stdout
    )
    assert several["protocol"]["scales"] == [1.0, 1.5]
    assert several["protocol"]["mirror"] is True
    assert several["soft_iou"] != plain["soft_iou"]
    (measurement,) = artifact.card.metrics
    assert plain.items() >= measurement.scores.model_dump().items()
    assert plain["soft_iou"] == measurement.soft_iou


@pytest.mark.parametrize("scales", ["1,two", "0"])
def test_scales_must_be_numbers_within_reason(
    artifact: Artifact, streets: Path, scales: str
) -> None:
    words = [str(artifact.path), str(streets), "--engine", "keras", "--scales", scales]
    with pytest.raises((InvalidRequest, click.BadParameter)):
        evaluate.main(words, standalone_mode=False)


def test_a_report_shows_the_worst_images_first(
    artifact: Artifact, streets: Path, tmp_path: Path
) -> None:
    place = tmp_path / "new" / "mine.html"
    invoke(artifact.path, streets, "--report", place, "--worst", 2)
    page = place.read_text()
    evaluation = Evaluation(Predictor(artifact), CITYSCAPES)
    seen = evaluation.run(from_folder(streets).load())
    values = {each.name: float(mean_iou(each.counts)) for each in seen}
    worst = sorted(values, key=lambda name: values[name])[:2]
    assert re.findall(r"<h3>\d\. (\S+)</h3>", page) == worst
    assert page.count("data:image/jpeg;base64,") == 10
    assert "contains pictures of" in page
    assert {"Distance to the camera&#39;s axis", "Objects found by size"} <= set(
        re.findall(r"<h2>(.*?)</h2>", page)
    )
    assert "//" not in re.sub(r'data:[^"]*', "", page)


def test_a_report_without_pictures_has_none(
    artifact: Artifact, streets: Path, tmp_path: Path
) -> None:
    invoke(artifact.path, streets, "--report", tmp_path, "--worst", 0)
    page = (tmp_path / "report.html").read_text()
    assert "data:image" not in page.replace("img-src data:", "")
    assert "contains pictures" not in page


def test_a_dataset_of_a_service_scores_as_its_folder(
    artifact: Artifact, streets: Path, empty_api: ApiServer
) -> None:
    with Client(empty_api.url) as client:
        images = ingest(client, find_samples(streets), "streets")
        assert all(image.error is None for image in images)
    (measurement,) = artifact.card.metrics
    found = json.loads(invoke(artifact.path, "streets", "--json", "--url", empty_api.url).stdout)
    assert found["dataset"] == "streets"
    assert found.items() >= measurement.scores.model_dump().items()
    with pytest.raises(InvalidRequest, match="Annotated there: streets"):
        invoke(artifact.path, "roads", "--url", empty_api.url)


def test_what_is_neither_folder_nor_dataset_is_said_to_be_so(artifact: Artifact) -> None:
    with pytest.raises(ServiceUnreachable, match="roads is not a folder here"):
        invoke(artifact.path, "roads", "--url", f"http://127.0.0.1:{free_port()}")


def test_a_broken_image_is_named_and_left_out_and_the_others_are_measured(
    artifact: Artifact, tmp_path: Path
) -> None:
    # Each image is predicted under 34 conditions.
    whole = write_streets(tmp_path / "whole", 1)
    broken = write_streets(tmp_path / "broken", 2)
    (broken / "images/001.png").write_bytes(b"no image")
    expected = json.loads(invoke(artifact.path, whole, "--json").stdout)
    done = invoke(artifact.path, broken, "--json", "--conditions")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found["images"], found["mean_iou"]) == (1, expected["mean_iou"])
    assert found["conditions"]["clean"] == pytest.approx(expected["mean_iou"])
    assert [each["name"] for each in found["left_out"]] == ["001"]
    assert "Left out, because they cannot be read or segmented: 1\n  001: " in done.stderr
    assert (expected["left_out"], invoke(artifact.path, whole).exit_code) == ([], 0)


def test_an_image_on_which_the_network_fails_is_left_out_and_the_others_are_measured(
    tmp_path: Path,
) -> None:
    others, streets = write_streets(tmp_path / "others", 2), write_streets(tmp_path / "streets", 3)
    artifact = fails_on_white(others, tmp_path / "run")
    whiten(streets / "images/002.png")
    expected = json.loads(invoke(artifact.path, others, "--json").stdout)
    done = invoke(artifact.path, streets, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found["images"], found["mean_iou"]) == (2, expected["mean_iou"])
    assert found["per_category"] == expected["per_category"]
    (left_out,) = found["left_out"]
    assert (left_out["name"], "not finite" in left_out["detail"]) == ("002", True)
    assert "segmented: 1\n  002: " in done.stderr
    for number in range(2):
        whiten(streets / f"images/00{number}.png")
    with pytest.raises(ModelFailed, match="not finite"):
        invoke(artifact.path, streets)


def test_what_is_left_out_before_the_conditions_still_ends_with_1(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streets = write_streets(tmp_path / "streets", 2)
    image = streets / "images/001.png"
    whole = image.read_bytes()
    image.write_bytes(b"half written")

    def measure(*arguments: Any) -> object:
        image.write_bytes(whole)
        return measure_conditions(*arguments)

    monkeypatch.setattr("ml.cli.evaluate.measure_conditions", measure)
    done = invoke(artifact.path, streets, "--json", "--conditions")
    assert done.exit_code == 1
    assert "segmented: 1\n  001: " in done.stderr


def test_conditions_are_measured_on_demand(artifact: Artifact, tmp_path: Path) -> None:
    # Each image is predicted under 34 conditions.
    streets = write_streets(tmp_path / "streets", 1)
    words = [str(artifact.path), str(streets), "--json"]
    plain = json.loads(CliRunner().invoke(evaluate, words).stdout)
    assert plain["conditions"] is None
    told = json.loads(CliRunner().invoke(evaluate, [*words, "--conditions"]).stdout)
    conditions = told["conditions"]
    assert conditions["clean"] == pytest.approx(plain["mean_iou"])
    assert set(conditions["per_condition"]["jpeg"]) == {"mild", "severe"}
    shown = CliRunner().invoke(evaluate, [*words[:2], "--conditions"]).stdout
    assert "motion blur" in shown


def test_a_quality_that_the_card_has_not_is_refused(artifact: Artifact, streets: Path) -> None:
    done = CliRunner().invoke(evaluate, [str(artifact.path), str(streets), "--quality", "best"])
    assert isinstance(done.exception, InvalidRequest)
