"""`roadmask batch`: its options, its summary, and how it ends when something is wrong."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadmask import Client
from tests.harness.client.photo_folders import photo, read_lines, tree
from tests.harness.client.program import PROGRAM, Done, call_roadmask
from tests.harness.client.stub_server import StubResponse, problem, stub_server
from tests.harness.privileges import bound_by_permissions

Batch = Callable[..., Done]


@pytest.fixture
def batch(client: Client, photos: Path, tmp_path: Path) -> Batch:
    return lambda *words: call_roadmask(
        "batch", "photos", "--out", "masks", *words, cwd=tmp_path, ROADMASK_URL=client.base_url
    )


@pytest.mark.usefixtures("busy_worker")
def test_some_of_the_images(batch: Batch, masks: Path) -> None:
    assert batch("--include", "a", "--exclude", "deep*", "-v").returncode == 0
    assert tree(masks) == {"a/one.png"}
    done = batch("--limit", "2", "--verbose")
    assert tree(masks) == {"a/one.png", "a/b/deep.png"}
    assert "a/one.jpg → a/one.png (in place)" in done.stderr
    assert "a/b/deep.jpg → a/b/deep.png (inferred)" in done.stderr


@pytest.mark.usefixtures("busy_worker")
def test_a_dry_run_changes_nothing_and_needs_no_service(
    batch: Batch, masks: Path, tmp_path: Path
) -> None:
    words = ("batch", "photos", "--out", "masks", "--dry-run")
    alone = call_roadmask(*words, cwd=tmp_path, ROADMASK_URL="http://127.0.0.1:9")
    assert (alone.returncode, alone.stdout) == (
        0, "4 images would be segmented; 0 masks are in place.\n",
    )  # fmt: skip
    assert not masks.exists()
    batch("--limit", "3")
    plan = json.loads(batch("--dry-run", "--json").stdout)
    assert (plan["kept"], plan["images"]) == (3, ["with space ü.jpeg"])


@pytest.mark.usefixtures("busy_worker")
def test_masks_without_an_image_are_named_and_deleted(
    batch: Batch, photos: Path, masks: Path
) -> None:
    batch()
    (masks / "mine.png").write_bytes(b"of the user")
    (photos / "a/b/deep.jpg").unlink()
    photo(photos / "top.jpg", 9)
    done = batch()
    assert (
        "2 masks belong to no image (--delete removes them): a/b/deep.png, top.png" in done.stderr
    )
    assert json.loads(batch("--dry-run", "--json").stdout)["stale"] == ["a/b/deep.png", "top.png"]
    assert "1 file beside the masks left alone, not written by this command: mine" in done.stderr
    assert json.loads(batch("--dry-run", "--json").stdout)["foreign"] == ["mine.png"]
    (masks / "a/b/deep.png").write_bytes(b"corrected by the user")
    assert json.loads(batch("--dry-run", "--json").stdout)["foreign"] == [
        "a/b/deep.png", "mine.png",
    ]  # fmt: skip
    assert json.loads(batch("--delete", "--json").stdout)["stale"] == ["top.png"]
    assert (masks / "a/b/deep.png").read_bytes() == b"corrected by the user"
    assert (masks / "mine.png").read_bytes() == b"of the user"


@pytest.mark.usefixtures("busy_worker")
def test_products_and_confidences_are_not_foreign(batch: Batch, masks: Path) -> None:
    options = ("--contact-sheet", "masks/sheet.png", "--confidence", "masks/sure")
    for _ in "ab":
        told = json.loads(batch(*options, "--json").stdout)
    assert (masks / "sheet.png").exists()
    assert any((masks / "sure").iterdir())
    assert (told["stale"], told["foreign"]) == ([], [])


@pytest.mark.usefixtures("busy_worker")
def test_the_files_of_cityscapes_are_not_foreign(batch: Batch, masks: Path) -> None:
    for _ in range(2):
        told = json.loads(batch("--format", "cityscapes", "--json").stdout)
        assert list(masks.glob("gtFine/**/*_gtFine_labelIds.png"))
        assert told["foreign"] == []
    assert json.loads(batch("--dry-run", "--json").stdout)["foreign"] == []


@pytest.mark.usefixtures("busy_worker")
def test_masks_without_an_image_are_deleted_with_their_folder(
    batch: Batch, photos: Path, masks: Path
) -> None:
    batch()
    (masks / "mine.png").write_bytes(b"of the user")
    (photos / "a/b/deep.jpg").unlink()
    photo(photos / "top.jpg", 9)
    batch()
    told = json.loads(batch("--delete", "--json").stdout)
    assert (told["stale"], told["deleted"]) == (["a/b/deep.png", "top.png"], True)
    assert tree(masks) == {
        "a/one.png", "mine.png", "top.jpg.png", "top.png.png", "with space ü.png",
    }  # fmt: skip
    assert not (masks / "a/b").exists()
    assert json.loads(batch("--json").stdout)["stale"] == []


@pytest.mark.usefixtures("busy_worker")
def test_what_is_skipped_is_counted_and_said(batch: Batch, photos: Path) -> None:
    photo(photos / ".cache/one.jpg", 7)
    (photos / "again").symlink_to(photos / "a")
    (photos / "loop").symlink_to(photos)
    (photos / "file.jpg").symlink_to(photos / "top.png")
    (photos / "gone.jpg").symlink_to("/nowhere/a.jpg")
    (photos / "raw.cr2").touch()
    done = batch()
    assert (done.returncode, "5 masks" in done.stdout) == (0, True)
    assert "Skipped 3 links to folders or to nothing" in done.stderr
    assert json.loads(batch("--json").stdout)["skipped"] == {
        "unsupported": 1, "hidden": 1, "links": 3, "unreadable": 0,
    }  # fmt: skip


@pytest.mark.usefixtures("busy_worker")
def test_a_folder_that_cannot_be_listed_is_named_and_keeps_its_masks(
    batch: Batch, photos: Path, masks: Path
) -> None:
    assert batch().returncode == 0
    (photos / "top.png").unlink()
    (photos / "a/b").chmod(0)
    said = "Skipped 1 folders that cannot be listed (Permission denied). Make them readable: a/b."
    with bound_by_permissions():
        done = batch("--delete", "--json")
        told = json.loads(done.stdout)
        quiet = batch("-q")
        excluded = batch("--exclude", "b")
        plan = json.loads(batch("--dry-run", "--json").stdout)
    assert (done.returncode, told["stale"], told["done"]) == (1, ["top.png"], 2)
    assert told["skipped"]["unreadable"] == plan["skipped"]["unreadable"] == 1
    assert (masks / "a/b/deep.png").exists()
    assert (quiet.returncode, quiet.stderr) == (1, f"{said}\n")
    assert (excluded.returncode, said in excluded.stderr) == (0, True)
    (photos / "a/b").chmod(0o700)
    assert "3 masks up to date" in batch("--delete").stdout


@pytest.mark.usefixtures("busy_worker")
def test_images_in_a_folder_that_can_only_be_listed_fail_with_their_cause(
    batch: Batch, photos: Path, masks: Path
) -> None:
    assert batch().returncode == 0
    (photos / "a/b").chmod(0o400)
    with bound_by_permissions():
        done = batch("--delete", "--json")
    (photos / "a/b").chmod(0o700)
    told = json.loads(done.stdout)
    assert (done.returncode, told["failed"], told["stale"]) == (1, 1, [])
    assert "Permission denied" in done.stderr


@pytest.mark.usefixtures("busy_worker")
def test_jobs_are_named_and_quiet_is_quiet(batch: Batch, client: Client, masks: Path) -> None:
    told = json.loads(batch("--json").stdout)
    assert told["jobs"] == [job.id for job in client.jobs()]
    assert {line["job"] for line in read_lines(masks / "results.jsonl")} == set(told["jobs"])
    done = batch("-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wrong_model_is_wrong_use_with_the_cause(batch: Batch) -> None:
    done = batch("--model", "../x", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert (told["error"]["code"], told["done"]) == ("model_not_found", 0)
    people = batch("--model", "../x")
    assert people.returncode == 2
    assert "resumes" not in people.stdout


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(401, code="unauthorized", detail="Another key."), "unauthorized"),
        (StubResponse(body=b"<html>"), "incompatible_service"),
    ],
)
def test_a_wrong_key_and_a_foreign_server_are_wrong_use(
    photos: Path, tmp_path: Path, answer: StubResponse, code: str
) -> None:
    words = ("batch", "photos", "--out", "masks", "--json")
    with stub_server(StubResponse(), answer) as stub:
        done = call_roadmask(*words, cwd=tmp_path, ROADMASK_URL=stub.url)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, code)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("--failed",), "has no masks of an earlier run: check --out"),
        (("--local", "--url", "http://127.0.0.1:9"), "leave out --url"),
        (("--watch", "--limit", "1"), "--watch excludes"),
        (("--contact-sheet", "s.gif"), "written as .jpg or .jpeg or .png"),
        (("--video", "v.avi"), "written as .mp4"),
    ],
)
def test_options_that_cannot_be(batch: Batch, words: tuple[str, ...], cause: str) -> None:
    done = batch(*words)
    assert (done.returncode, cause in done.stderr) == (2, True), done.stderr


def test_wrong_use_has_its_cause_in_the_summary_too(batch: Batch) -> None:
    for words, cause in (
        (("--failed",), "has no masks of an earlier run"),
        (("--include", "cam9"), "None of the 4 images is left"),
        (("--exclude", "*", "--dry-run"), "None of the 4 images is left"),
    ):
        done = batch(*words, "--json")
        assert done.returncode == 2
        assert cause in json.loads(done.stdout)["error"]["detail"]
        assert cause in done.stderr


@pytest.mark.usefixtures("busy_worker")
def test_damaged_records_are_named_with_what_to_do(batch: Batch, masks: Path) -> None:
    assert batch().returncode == 0
    for content in ('{"image": "a.jp', "[]", '{"image": 5}', "\udcff"):
        (masks / "failures.jsonl").write_text(content, errors="surrogateescape")
        done = batch("--failed")
        assert (done.returncode, "without --failed" in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    (masks / ".roadmask/ledger.sqlite").write_bytes(b"no database" * 100)
    for words in ((), ("--dry-run",)):
        done = batch(*words)
        assert done.stderr.count("Error: ") == 1
        assert "Delete the folder" in done.stderr
        assert "Traceback" not in done.stderr


def small_files() -> None:
    """No file of the process may grow beyond 55 kB, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (55_000, 55_000))


@pytest.mark.slow
@pytest.mark.usefixtures("busy_worker")
def test_a_full_disk_is_one_sentence_and_a_run_that_goes_on(
    client: Client, tmp_path: Path, masks: Path
) -> None:
    for number in range(6):
        photo(tmp_path / f"photos/{number}.jpg", number)
    words = [*PROGRAM, "batch", "photos", "--out", "masks", "--json", "--url", client.base_url]

    def run(**options: Any) -> Done:
        return subprocess.run(words, cwd=tmp_path, text=True, capture_output=True, **options)

    full = run(preexec_fn=small_files)
    assert full.returncode == 1, full.stderr
    assert "Traceback" not in full.stderr
    assert full.stderr.count("Error: ") == 1
    assert "masks/" in full.stderr
    told = json.loads(full.stdout)
    assert told["error"]["code"] == "os_error"
    assert told["done"] == len(tree(masks))
    again = run()
    assert (again.returncode, json.loads(again.stdout)["done"]) == (0, 6), again.stderr
