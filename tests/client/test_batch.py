"""Folder runs: the tree that comes out, what a second run does, what an interruption leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image
from redis import Redis

from roadmask import Client, decode_mask, lots
from roadmask.batch import Batch
from roadmask.errors import Conflict, InvalidRequest
from roadmask.folder_lock import FolderLock
from roadmask.jobs import Job
from roadmask.outcomes import FileResult, Progress
from roadmask.settings import Settings
from storage.local_store import LocalStore
from tests.api.fake_worker import SURE, FakeWorker
from tests.api.pictures import picture
from tests.waiting import wait_until


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A small tree of different photos."""
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a/b/deep.jpg", "a/one.jpg", "top.png", "with space ü.jpeg")):
        _photo(folder / name, seed)
    return folder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"


def _photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(seed, "PNG" if path.suffix == ".png" else "JPEG"))


def _run(client: Client, photos: Path, masks: Path, **options: Any) -> Progress:
    batch = Batch(client, photos, masks, **options)
    for _ in batch.run():
        pass
    return batch.progress


def _tree(masks: Path) -> set[str]:
    return {path.relative_to(masks).as_posix() for path in masks.rglob("*.png")}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.usefixtures("busy_worker")
def test_the_tree_of_the_photos_becomes_a_tree_of_masks(
    client: Client, photos: Path, masks: Path
) -> None:
    progress = _run(client, photos, masks)
    assert progress == Progress(total=4, inferred=4, uploaded=4)
    assert _tree(masks) == {"a/b/deep.png", "a/one.png", "top.png", "with space ü.png"}
    for name in _tree(masks):
        assert (decode_mask((masks / name).read_bytes()) == 1).all()
    lines = _lines(masks / "results.jsonl")
    assert [line["image"] for line in lines] == sorted(line["image"] for line in lines)
    assert {line["mask"] for line in lines} == _tree(masks)
    assert _lines(masks / "failures.jsonl") == []
    assert [job.counts.total for job in client.jobs()] == [4]


@pytest.mark.usefixtures("busy_worker")
def test_confidence_goes_below_a_folder_of_its_own(
    client: Client, photos: Path, masks: Path, tmp_path: Path
) -> None:
    _run(client, photos, masks)
    sure = tmp_path / "sure"
    assert _run(client, photos, masks, confidence=sure).kept == 0, "there was none yet"
    assert _tree(sure) == _tree(masks)
    assert (decode_mask((sure / "top.png").read_bytes()) == round(255 * SURE)).all()
    assert [job.confidence for job in client.jobs()] == [True, False]
    (sure / "top.png").unlink()
    assert _run(client, photos, masks, confidence=sure).kept == 3
    assert (sure / "top.png").exists()
    with pytest.raises(InvalidRequest, match="would be lost"):
        _run(client, photos, masks, confidence=masks)


@pytest.mark.usefixtures("busy_worker")
def test_a_second_run_asks_for_nothing(client: Client, photos: Path, masks: Path) -> None:
    _run(client, photos, masks)
    before = {path: path.stat().st_mtime_ns for path in masks.rglob("*.png")}
    results = (masks / "results.jsonl").read_bytes()
    assert _run(client, photos, masks) == Progress(total=4, kept=4)
    assert {path: path.stat().st_mtime_ns for path in masks.rglob("*.png")} == before
    assert (masks / "results.jsonl").read_bytes() == results
    assert len(list(client.jobs())) == 1


@pytest.mark.usefixtures("busy_worker")
def test_only_what_changed_is_done_again(client: Client, photos: Path, masks: Path) -> None:
    _run(client, photos, masks)
    _photo(photos / "a/one.jpg", seed=90)
    _photo(photos / "new.jpg", seed=91)
    (masks / "top.png").write_bytes(b"overwritten")
    (masks / "a/b/deep.png").unlink()
    progress = _run(client, photos, masks)
    assert (progress.kept, progress.inferred, progress.uploaded) == (1, 4, 2)
    assert (decode_mask((masks / "top.png").read_bytes()) == 1).all()
    assert len(_tree(masks)) == 5


@pytest.mark.usefixtures("busy_worker")
def test_the_same_bytes_go_once(client: Client, photos: Path, masks: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a/one.jpg").read_bytes())
    progress = _run(client, photos, masks)
    assert (progress.done, progress.uploaded) == (5, 4)
    assert [job.counts.total for job in client.jobs()] == [4]
    assert (masks / "copy.png").read_bytes() == (masks / "a/one.png").read_bytes()


@pytest.mark.usefixtures("busy_worker")
def test_photos_of_one_name_keep_masks_of_their_own(
    client: Client, photos: Path, masks: Path
) -> None:
    _photo(photos / "top.jpg", seed=50)
    _run(client, photos, masks)
    assert {"top.jpg.png", "top.png.png"} <= _tree(masks)


@pytest.mark.usefixtures("busy_worker")
def test_a_file_that_is_refused_fails_alone(client: Client, photos: Path, masks: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no image at all")
    (photos / "empty.png").touch()
    (photos / "gone.jpg").symlink_to("nowhere")
    progress = _run(client, photos, masks)
    assert (progress.inferred, progress.failed) == (4, 2)
    failures = {line["image"]: line["error"] for line in _lines(masks / "failures.jsonl")}
    assert {name: error["code"] for name, error in failures.items()} == {
        "bad.jpg": "unsupported_format",
        "empty.png": "image_empty",
    }
    assert "Convert the file" in failures["bad.jpg"]["detail"]
    (photos / "bad.jpg").unlink()
    (photos / "empty.png").unlink()
    assert _run(client, photos, masks) == Progress(total=4, kept=4)
    assert _lines(masks / "failures.jsonl") == []


def test_an_image_that_fails_is_tried_again_by_the_next_run(
    client: Client, worker: FakeWorker, photos: Path, masks: Path
) -> None:
    batch = Batch(client, photos, masks)
    results = _beginning(batch, worker, client, failing=(1,))
    failed = [result for result in results if result.error]
    assert len(failed) == batch.progress.failed == 1
    assert failed[0].error
    assert failed[0].error.code == "image_unreadable"
    again = Batch(client, photos, masks)
    results = _beginning(again, worker, client)
    assert again.progress == Progress(total=4, kept=3, inferred=1)


def _beginning(
    batch: Batch, worker: FakeWorker, client: Client, failing: tuple[int, ...] = ()
) -> list[FileResult]:
    """Run a batch whose job the test's worker finishes."""
    known = {job.id for job in client.jobs()}
    results: list[FileResult] = []
    thread = Thread(target=lambda: results.extend(batch.run()))
    thread.start()
    (job,) = wait_until(lambda: [job for job in client.jobs() if job.id not in known])
    worker.finish(job.id, failing)
    thread.join()
    return results


def test_an_image_left_undone_by_a_canceled_job_is_handed_in_again(
    client: Client, worker: FakeWorker, photos: Path, masks: Path
) -> None:
    batch = Batch(client, photos, masks)
    thread = Thread(target=lambda: list(batch.run()))
    thread.start()
    (job,) = wait_until(lambda: list(client.jobs()))
    client.cancel(job)
    thread.join()
    assert batch.progress.failed == 4
    again = Batch(client, photos, masks)
    _beginning(again, worker, client)
    assert again.progress.inferred == 4


class Leaky(LocalStore):
    """Loses every mask."""

    def put(self, key: str, data: bytes, content_type: str, *, spare: bool = False) -> None:
        if not key.startswith("masks/"):
            super().put(key, data, content_type, spare=spare)


def test_a_mask_that_the_store_lost_fails_its_image_alone(
    client: Client, redis: Redis, store: LocalStore, settings: Settings, photos: Path, masks: Path
) -> None:
    leaky = Leaky(settings.objects_dir, settings.public_url, "secret")
    batch = Batch(client, photos, masks)
    results: list[FileResult] = []
    thread = Thread(target=lambda: results.extend(batch.run()))
    thread.start()
    (job,) = wait_until(lambda: list(client.jobs()), seconds=30)
    FakeWorker(redis, leaky, settings).succeed(job.id, 0)
    FakeWorker(redis, store, settings).finish(job.id)
    thread.join()
    assert [result.error.code for result in results if result.error] == ["object_not_found"]
    assert batch.progress.inferred == 3


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize("form", ["color", "overlay"])
def test_masks_to_look_at(client: Client, photos: Path, masks: Path, form: Any) -> None:
    for name in ("a/b/deep.jpg", "a/one.jpg", "with space ü.jpeg"):
        (photos / name).unlink()
    _run(client, photos, masks, form=form)
    with Image.open(masks / "top.png") as picture:
        assert picture.mode == "RGB"
        color = np.asarray(picture)[0, 0].tolist()
    assert (color == [128, 64, 128]) is (form == "color")
    assert _run(client, photos, masks, form=form).kept == 1
    assert _run(client, photos, masks).kept == 0


def test_folders_that_cannot_be(client: Client, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no images"):
        _run(client, tmp_path / "empty", tmp_path / "masks")
    with pytest.raises(InvalidRequest, match="mix"):
        _run(client, photos, photos)
    with pytest.raises(InvalidRequest, match="not a folder"):
        _run(client, photos / "top.png", tmp_path / "masks")


@pytest.mark.usefixtures("busy_worker")
def test_masks_below_the_photos_are_not_taken_for_photos(client: Client, photos: Path) -> None:
    masks = photos / "masks"
    assert _run(client, photos, masks).inferred == 4
    assert _run(client, photos, masks) == Progress(total=4, kept=4)


def test_two_runs_do_not_share_a_folder(client: Client, photos: Path, masks: Path) -> None:
    held = FolderLock(masks / ".roadmask", "lock", "`roadmask batch`")
    with held, pytest.raises(Conflict, match="running"):
        _run(client, photos, masks)
    assert list(client.jobs()) == []


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough photos for several lots."""
    folder = tmp_path / "many"
    for seed in range(2 * lots.FIRST_LOT):
        _photo(folder / f"{seed // 10}" / f"{seed}.jpg", seed)
    return folder


def _start(url: str, photos: Path, masks: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(photos), "--out", str(masks)]
    env = os.environ | {"ROADMASK_URL": url}
    return subprocess.Popen(
        [*command, "--json"], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_cut_off_is_continued(
    client: Client, worker: FakeWorker, many: Path, masks: Path, how: signal.Signals
) -> None:
    process = _start(client.base_url, many, masks)
    first, second = wait_until(lambda: _all_jobs(client, 2), seconds=30)
    for index in range(10):
        worker.succeed(first.id, index)
    worker.release()
    wait_until(lambda: len(_tree(masks)) == 10, seconds=20)
    process.send_signal(how)
    assert process.wait(10) == (130 if how == signal.SIGINT else -signal.SIGKILL)
    process.communicate()

    again = _start(client.base_url, many, masks)
    for job in (first, second):
        worker.finish(job.id)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    summary = json.loads(out)
    total = 2 * lots.FIRST_LOT
    assert (summary["done"], summary["failed"], summary["uploaded"]) == (total, 0, 0)
    assert len(_tree(masks)) == total
    assert len(_lines(masks / "results.jsonl")) == total
    assert not list(masks.rglob("*.part"))
    assert {job.id for job in client.jobs()} == {first.id, second.id}
    assert sum(job.counts.total for job in client.jobs()) == total


def _all_jobs(client: Client, count: int) -> list[Job] | None:
    """The jobs, oldest first, once there are so many."""
    jobs = sorted(client.jobs(), key=lambda job: job.created_at)
    return jobs if len(jobs) == count else None
