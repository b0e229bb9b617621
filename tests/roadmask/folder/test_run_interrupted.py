"""Folder runs that were cut off, and two at once."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roadmask import Client
from roadmask.errors import Conflict
from roadmask.exit_codes import Exit, exit_code
from roadmask.folder import lock, uploader
from roadmask.folder.fetcher import MaskFetcher
from roadmask.folder.lock import FolderLock
from roadmask.folder.output_folder import OutputFolder
from roadmask.folder.results import FileResult
from roadmask.folder.selection import Selection
from roadmask.folder.uploader import SubJob
from roadmask.schemas.jobs import Job
from tests.harness.client.photo_folders import folder_run, photo, read_lines, run, tree
from tests.harness.waiting import wait_until
from tests.harness.worker.fake_worker import FakeWorker

pytestmark = pytest.mark.slow


def test_two_runs_do_not_share_a_folder(client: Client, photos: Path, masks: Path) -> None:
    held = FolderLock(masks / ".roadmask", "lock", "`roadmask batch`")
    with held, pytest.raises(Conflict, match="running"):
        run(client, photos, masks)
    assert list(client.jobs()) == []


def test_a_disk_without_locks_is_no_other_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)
    with pytest.raises(OSError, match=r"No locks available: '.*run\.lock'"):
        FolderLock(tmp_path, "run.lock", "`roadmask batch`").__enter__()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough photos for several sub-jobs."""
    folder = tmp_path / "many"
    for seed in range(2 * uploader.FIRST_SIZE):
        photo(folder / f"{seed // 10}" / f"{seed}.jpg", seed)
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
    first, second = wait_until(lambda: _all_jobs(client, 2))
    for index in range(10):
        worker.succeed(first.id, index)
    worker.release()
    wait_until(lambda: len(tree(masks)) == 10)
    process.send_signal(how)
    assert process.wait(10) == (130 if how == signal.SIGINT else -signal.SIGKILL)
    process.communicate()

    again = _start(client.base_url, many, masks)
    for job in (first, second):
        worker.finish(job.id)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    summary = json.loads(out)
    total = 2 * uploader.FIRST_SIZE
    assert (summary["done"], summary["failed"], summary["uploaded"]) == (total, 0, 0)
    assert len(tree(masks)) == total
    assert len(read_lines(masks / "results.jsonl")) == total
    assert not list(masks.rglob("*.part"))
    assert {job.id for job in client.jobs()} == {first.id, second.id}
    assert sum(job.counts.total for job in client.jobs()) == total


def _all_jobs(client: Client, count: int) -> list[Job] | None:
    """The jobs, oldest first, once there are so many."""
    jobs = sorted(client.jobs(), key=lambda job: job.created_at)
    return jobs if len(jobs) == count else None


@pytest.mark.usefixtures("busy_worker")
def test_a_job_that_is_deleted_meanwhile_is_submitted_again_by_the_next_run(
    client: Client, photos: Path, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = MaskFetcher.follow

    def delete_then_follow(self: MaskFetcher, sub_job: SubJob) -> None:
        client.erase("job", sub_job.job.id)
        follow(self, sub_job)

    with monkeypatch.context() as patch:
        patch.setattr(MaskFetcher, "follow", delete_then_follow)
        with pytest.raises(Conflict, match="was deleted") as caught:
            run(client, photos, masks)
    assert exit_code(caught.value) is Exit.FAILURES
    assert run(client, photos, masks).failed == 0
    assert len(tree(masks)) == 4


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize("next_run", [Selection(), Selection(include=("top.png",))])
def test_masks_that_were_written_count_where_their_results_cannot_be_saved(
    client: Client,
    photos: Path,
    masks: Path,
    monkeypatch: pytest.MonkeyPatch,
    next_run: Selection,
) -> None:
    def fail(self: OutputFolder, results: list[FileResult]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(masks / ".roadmask"))

    cut_off = folder_run(client, photos, masks)
    with monkeypatch.context() as patch:
        patch.setattr(OutputFolder, "record", fail)
        with pytest.raises(OSError, match="No space left"):
            list(cut_off.run())
    assert cut_off.progress.done == len(tree(masks)) == 4
    # A job of more images than are selected is not resumed.
    assert run(client, photos, masks, selection=next_run).failed == 0
    assert run(client, photos, masks).done == 4
