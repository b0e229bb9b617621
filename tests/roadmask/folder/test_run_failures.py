"""Images of a folder run that fail, each alone, and what the next run does about them."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from redis import Redis

from roadmask import Client
from roadmask.errors import InvalidRequest
from roadmask.folder.options import RunOptions
from roadmask.folder.results import FileResult, Progress
from roadmask.folder.run import FolderRun, plan_run
from roadmask.folder.selection import Selection
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.settings import Settings
from storage.objects.local import LocalStore
from tests.harness.client.photo_folders import folder_run, photo, read_lines, run
from tests.harness.waiting import wait_until
from tests.harness.worker.fake_worker import FakeWorker


@pytest.mark.usefixtures("busy_worker")
def test_a_file_that_is_refused_fails_alone(client: Client, photos: Path, masks: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no image at all")
    (photos / "empty.png").touch()
    (photos / "gone.jpg").symlink_to("nowhere")
    progress = run(client, photos, masks)
    assert (progress.inferred, progress.failed) == (4, 2)
    failures = {line["image"]: line["error"] for line in read_lines(masks / "failures.jsonl")}
    assert {name: error["code"] for name, error in failures.items()} == {
        "bad.jpg": "unsupported_format",
        "empty.png": "image_empty",
    }
    assert "Convert the file" in failures["bad.jpg"]["detail"]
    (photos / "bad.jpg").unlink()
    (photos / "empty.png").unlink()
    assert run(client, photos, masks) == Progress(total=4, kept=4)
    assert read_lines(masks / "failures.jsonl") == []


@pytest.mark.usefixtures("busy_worker")
def test_a_mask_whose_name_is_not_possible_fails_alone(
    client: Client, photos: Path, masks: Path
) -> None:
    long = "x" * 250
    photo(photos / f"{long}.jpg", 5)
    photo(photos / f"{long}.png", 6)
    photo(photos / "taken.jpg", 7)
    photo(photos / "tree.jpg", 8)
    photo(photos / "tree.png/leaf.jpg", 9)
    (masks / "taken.png/of the user").mkdir(parents=True)
    progress = run(client, photos, masks)
    assert (progress.inferred, progress.failed) == (6, 3)
    failures = {line["image"]: line["error"] for line in read_lines(masks / "failures.jsonl")}
    assert failures.keys() == {f"{long}.jpg", f"{long}.png", "taken.jpg"}
    assert {error["code"] for error in failures.values()} == {"mask_not_written"}
    assert "File name too long" in failures[f"{long}.jpg"]["detail"]
    assert (masks / "tree.jpg.png").is_file()
    assert (masks / "tree.png/leaf.png").is_file()
    (masks / "taken.png/of the user").rmdir()
    (masks / "taken.png").rmdir()
    (photos / f"{long}.png").unlink()
    assert run(client, photos, masks).failed == 0


def test_an_image_that_fails_is_tried_again_by_the_next_run(
    client: Client, worker: FakeWorker, photos: Path, masks: Path
) -> None:
    batch = folder_run(client, photos, masks)
    results = _beginning(batch, worker, client, failing=(1,))
    failed = [result for result in results if result.error]
    assert len(failed) == batch.progress.failed == 1
    assert failed[0].error
    assert failed[0].error.code == "image_unreadable"
    again = folder_run(client, photos, masks)
    results = _beginning(again, worker, client)
    assert again.progress == Progress(total=4, kept=3, inferred=1)


def _beginning(
    batch: FolderRun, worker: FakeWorker, client: Client, failing: tuple[int, ...] = ()
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


def test_a_mask_by_hand_for_an_image_that_failed_is_not_overwritten(
    client: Client, worker: FakeWorker, photos: Path, masks: Path
) -> None:
    _beginning(folder_run(client, photos, masks), worker, client, failing=(1,))
    photo(masks / "a/one.png", 90)
    options = RunOptions(photos, masks, MaskFormat.INDEX, "default", None, MaskParameters())
    with pytest.raises(InvalidRequest, match="not known as a mask"):
        plan_run(options, Selection(), {"a/one.jpg"})


def test_an_image_left_undone_by_a_canceled_job_is_handed_in_again(
    client: Client, worker: FakeWorker, photos: Path, masks: Path
) -> None:
    batch = folder_run(client, photos, masks)
    thread = Thread(target=lambda: list(batch.run()))
    thread.start()
    (job,) = wait_until(lambda: list(client.jobs()))
    client.cancel(job)
    thread.join()
    assert batch.progress.failed == 4
    again = folder_run(client, photos, masks)
    _beginning(again, worker, client)
    assert again.progress.inferred == 4


class Leaky(LocalStore):
    """Loses every mask."""

    def put(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        if not key.startswith("masks/"):
            super().put(key, data, content_type, durable=durable)


def test_a_mask_that_the_store_lost_fails_its_image_alone(
    client: Client, redis: Redis, store: LocalStore, settings: Settings, photos: Path, masks: Path
) -> None:
    leaky = Leaky(settings.objects_dir, settings.public_url, "secret")
    batch = folder_run(client, photos, masks)
    results: list[FileResult] = []
    thread = Thread(target=lambda: results.extend(batch.run()))
    thread.start()
    (job,) = wait_until(lambda: list(client.jobs()))
    FakeWorker(redis, leaky, settings).succeed(job.id, 0)
    FakeWorker(redis, store, settings).finish(job.id)
    thread.join()
    assert [result.error.code for result in results if result.error] == ["object_not_found"]
    assert batch.progress.inferred == 3
