"""Folder runs: the tree that comes out, and what a second run does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roadmask import Client, decode_mask
from roadmask.errors import InvalidRequest
from roadmask.folder.options import RunOptions
from roadmask.folder.results import Progress
from roadmask.folder.run import plan_run
from roadmask.folder.selection import Selection
from roadmask.images.stems import unique_stems
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters
from tests.harness.client.photo_folders import photo, read_lines, run, tree
from tests.harness.worker.fake_worker import CONFIDENCE


@pytest.mark.usefixtures("busy_worker")
def test_the_tree_of_the_photos_becomes_a_tree_of_masks(
    client: Client, photos: Path, masks: Path
) -> None:
    progress = run(client, photos, masks)
    assert progress == Progress(total=4, inferred=4, uploaded=4)
    assert tree(masks) == {"a/b/deep.png", "a/one.png", "top.png", "with space ü.png"}
    for name in tree(masks):
        assert (decode_mask((masks / name).read_bytes()) == 1).all()
    lines = read_lines(masks / "results.jsonl")
    assert [line["image"] for line in lines] == sorted(line["image"] for line in lines)
    assert {line["mask"] for line in lines} == tree(masks)
    assert read_lines(masks / "failures.jsonl") == []
    assert [job.counts.total for job in client.jobs()] == [4]


@pytest.mark.usefixtures("busy_worker")
def test_confidence_goes_below_a_folder_of_its_own(
    client: Client, photos: Path, masks: Path, tmp_path: Path
) -> None:
    run(client, photos, masks)
    sure = tmp_path / "sure"
    assert run(client, photos, masks, confidence=sure).kept == 0, "there was none yet"
    assert tree(sure) == tree(masks)
    assert (decode_mask((sure / "top.png").read_bytes()) == round(255 * CONFIDENCE)).all()
    assert [job.confidence for job in client.jobs()] == [True, False]
    (sure / "top.png").unlink()
    assert run(client, photos, masks, confidence=sure).kept == 3
    assert (sure / "top.png").exists()
    with pytest.raises(InvalidRequest, match="overwrite"):
        run(client, photos, masks, confidence=masks)


@pytest.mark.usefixtures("busy_worker")
def test_another_quality_makes_the_masks_again(client: Client, photos: Path, masks: Path) -> None:
    run(client, photos, masks)
    best = MaskParameters(quality="best")
    assert run(client, photos, masks, parameters=best).kept == 0
    assert run(client, photos, masks, parameters=best).kept == 4
    assert [job.quality for job in client.jobs()] == ["best", "standard"]


def test_options_of_a_standard_run_are_named_as_before_qualities_existed(tmp_path: Path) -> None:
    plain = RunOptions(tmp_path, tmp_path, MaskFormat.PNG, "default", None, MaskParameters())
    assert (plain.job_options, plain.result_options) == ("default", "default png")
    both = replace(plain, confidence=tmp_path, parameters=MaskParameters(quality="fast"))
    assert both.job_options == "default quality=fast confidence"


@pytest.mark.usefixtures("busy_worker")
def test_a_second_run_asks_for_nothing(client: Client, photos: Path, masks: Path) -> None:
    run(client, photos, masks)
    before = {path: path.stat().st_mtime_ns for path in masks.rglob("*.png")}
    results = (masks / "results.jsonl").read_bytes()
    assert run(client, photos, masks) == Progress(total=4, kept=4)
    assert {path: path.stat().st_mtime_ns for path in masks.rglob("*.png")} == before
    assert (masks / "results.jsonl").read_bytes() == results
    assert len(list(client.jobs())) == 1


@pytest.mark.usefixtures("busy_worker")
def test_only_what_changed_is_done_again(client: Client, photos: Path, masks: Path) -> None:
    run(client, photos, masks)
    photo(photos / "a/one.jpg", seed=90)
    photo(photos / "new.jpg", seed=91)
    (masks / "top.png").write_bytes(b"overwritten")
    (masks / "a/b/deep.png").unlink()
    progress = run(client, photos, masks)
    assert (progress.kept, progress.inferred, progress.uploaded) == (1, 4, 2)
    assert (decode_mask((masks / "top.png").read_bytes()) == 1).all()
    assert len(tree(masks)) == 5


@pytest.mark.usefixtures("busy_worker")
def test_files_that_no_run_has_written_are_not_overwritten(
    client: Client, photos: Path, masks: Path
) -> None:
    photo(masks / "a/one.png", seed=90)
    mine = (masks / "a/one.png").read_bytes()
    plan = RunOptions(photos, masks, MaskFormat.INDEX, "default", None, MaskParameters())
    cause = (
        r"1 file in .* not known as a mask: a/one\.png\. Choose another folder with --out, or move"
    )
    with pytest.raises(InvalidRequest, match=cause):
        plan_run(plan, Selection())
    assert not (masks / ".roadmask").exists()
    with pytest.raises(InvalidRequest, match=cause):
        run(client, photos, masks)
    assert not list(client.jobs()), "nothing was sent"
    others = Selection(exclude=("one.jpg",))
    assert plan_run(plan, others).kept == 0
    assert run(client, photos, masks, selection=others).inferred == 3
    with pytest.raises(InvalidRequest, match=cause):
        plan_run(plan, Selection())
    with pytest.raises(InvalidRequest, match=cause):
        run(client, photos, masks)
    assert run(client, photos, masks, format="rle").done == 4, "its files have other names"
    assert (masks / "a/one.png").read_bytes() == mine


@pytest.mark.usefixtures("busy_worker")
def test_many_files_that_no_run_has_written_are_counted(
    client: Client, photos: Path, masks: Path
) -> None:
    for name in ("a/b/deep.png", "a/one.png", "top.png", "with space ü.png"):
        photo(masks / name, seed=90)
    with pytest.raises(InvalidRequest, match=r"4 files .* masks: a/b/deep\.png, .* and 1 more\."):
        run(client, photos, masks)


@pytest.mark.usefixtures("busy_worker")
def test_masks_without_a_record_are_known_by_the_results_or_the_palette(
    client: Client, photos: Path, masks: Path
) -> None:
    run(client, photos, masks)
    rmtree(masks / ".roadmask")
    assert run(client, photos, masks).done == 4
    run(client, photos, masks, format="png")
    rmtree(masks / ".roadmask")
    (masks / "results.jsonl").write_text("damaged")
    assert run(client, photos, masks, format="png").done == 4


@pytest.mark.usefixtures("busy_worker")
def test_the_same_bytes_go_once(client: Client, photos: Path, masks: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a/one.jpg").read_bytes())
    progress = run(client, photos, masks)
    assert (progress.done, progress.uploaded) == (5, 4)
    assert [job.counts.total for job in client.jobs()] == [4]
    assert (masks / "copy.png").read_bytes() == (masks / "a/one.png").read_bytes()


@pytest.mark.usefixtures("busy_worker")
def test_photos_of_one_name_keep_masks_of_their_own(
    client: Client, photos: Path, masks: Path
) -> None:
    photo(photos / "top.jpg", seed=50)
    run(client, photos, masks)
    assert {"top.jpg.png", "top.png.png"} <= tree(masks)


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize("format", ["color", "overlay"])
def test_masks_to_look_at(client: Client, photos: Path, masks: Path, format: Any) -> None:
    for name in ("a/b/deep.jpg", "a/one.jpg", "with space ü.jpeg"):
        (photos / name).unlink()
    run(client, photos, masks, format=format)
    with Image.open(masks / "top.png") as picture:
        assert picture.mode == "RGB"
        color = np.asarray(picture)[0, 0].tolist()
    assert (color == [128, 64, 128]) is (format == "color")
    assert run(client, photos, masks, format=format).kept == 1
    assert run(client, photos, masks).kept == 1
    assert run(client, photos, masks, format="index").kept == 0


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize("format", ["rle", "polygons", "npz"])
def test_masks_for_other_tools(
    client: Client, photos: Path, masks: Path, tmp_path: Path, format: str
) -> None:
    sure = tmp_path / "sure"
    for _ in range(2):
        progress = run(client, photos, masks, format=format, confidence=sure)
    assert progress == Progress(total=4, kept=4)
    suffix = MaskFormat(format).suffix
    assert {path.with_suffix(suffix).name for path in photos.rglob("*.*")} == {
        path.name for path in masks.rglob(f"*{suffix}")
    }
    assert tree(sure) == {"a/b/deep.png", "a/one.png", "top.png", "with space ü.png"}
    if format == "npz":
        with np.load(masks / "a/b/deep.npz") as arrays:
            assert (arrays["mask"] == 1).all()
            assert (arrays["confidence"] == round(255 * CONFIDENCE)).all()


def test_folders_that_cannot_be(client: Client, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no images"):
        run(client, tmp_path / "empty", tmp_path / "masks")
    with pytest.raises(InvalidRequest, match="mix"):
        run(client, photos, photos)
    with pytest.raises(InvalidRequest, match="not a folder"):
        run(client, photos / "top.png", tmp_path / "masks")


@pytest.mark.usefixtures("busy_worker")
def test_masks_below_the_photos_are_not_taken_for_photos(client: Client, photos: Path) -> None:
    masks = photos / "masks"
    assert run(client, photos, masks).inferred == 4
    assert run(client, photos, masks) == Progress(total=4, kept=4)


@pytest.mark.usefixtures("busy_worker")
def test_the_names_of_all_masks_are_made_once(
    client: Client, photos: Path, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def stems(names: Sequence[str]) -> dict[str, str]:
        made.append(len(names))
        return unique_stems(names)

    monkeypatch.setattr("roadmask.folder.output_names.unique_stems", stems)
    run(client, photos, masks)
    options = RunOptions(photos, masks, MaskFormat.PNG, "default", None, MaskParameters())
    plan_run(options, Selection())
    assert made == [4, 4]
