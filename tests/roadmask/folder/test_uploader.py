"""How the files of a folder are divided among jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roadmask import Client
from roadmask.folder import uploader
from roadmask.folder.options import RunOptions
from roadmask.folder.state import FolderState, state_file
from roadmask.hashing import sha256_of_file
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters
from tests.harness.client.photo_folders import photo, run, tree

TOTAL = 3 * uploader.FIRST_SIZE


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough photos for several jobs."""
    folder = tmp_path / "many"
    for seed in range(TOTAL):
        photo(folder / f"{seed:02d}.jpg", seed)
    return folder


def uploaded(client: Client, folder: Path, missing: int = 0) -> None:
    """Upload the photos of a folder, but for some that come last."""
    for path in sorted(folder.iterdir())[: TOTAL - missing]:
        client.upload(path)


def totals(client: Client) -> Iterator[int]:
    """The number of images of each job, the first job first."""
    return reversed([job.counts.total for job in client.jobs()])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, reading the files does not take too long."""
    monkeypatch.setattr(uploader, "GATHER_S", float("inf"))


@pytest.mark.usefixtures("busy_worker", "patient")
def test_files_whose_bytes_the_service_has_go_as_one_job(
    client: Client, many: Path, masks: Path
) -> None:
    uploaded(client, many)
    run(client, many, masks)
    assert list(totals(client)) == [TOTAL]
    again = masks.with_name("masks-again")
    progress = run(client, many, again)
    assert (progress.uploaded, progress.done, progress.failed) == (0, TOTAL, 0)
    assert list(totals(client)) == [TOTAL, TOTAL]
    assert tree(again) == tree(masks)
    assert len(tree(again)) == TOTAL


@pytest.mark.usefixtures("busy_worker", "patient")
def test_files_are_gathered_up_to_the_first_that_must_be_sent(
    client: Client, many: Path, masks: Path
) -> None:
    uploaded(client, many, missing=1)
    progress = run(client, many, masks)
    assert (progress.uploaded, progress.done) == (1, TOTAL)
    assert list(totals(client)) == [TOTAL]


@pytest.mark.usefixtures("busy_worker", "patient")
def test_the_first_job_of_a_new_folder_is_small(client: Client, many: Path, masks: Path) -> None:
    run(client, many, masks)
    assert list(totals(client)) == [uploader.FIRST_SIZE, 2 * uploader.FIRST_SIZE]


@pytest.mark.usefixtures("busy_worker")
def test_files_that_take_long_to_read_are_not_waited_for(
    client: Client, many: Path, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "GATHER_S", 0.0)
    uploaded(client, many)
    run(client, many, masks)
    assert list(totals(client)) == [uploader.FIRST_SIZE, TOTAL - uploader.FIRST_SIZE]


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize("photos_beside", [0, 1])
def test_a_sub_job_with_a_file_that_is_refused_is_resumed_once(
    client: Client, tmp_path: Path, masks: Path, photos_beside: int
) -> None:
    folder = tmp_path / "resumed"
    for seed in range(photos_beside):
        photo(folder / f"{seed}.jpg", seed)
    folder.mkdir(exist_ok=True)
    (folder / "bad.jpg").write_bytes(b"no image at all")
    options = RunOptions(folder, masks, MaskFormat.INDEX, "default", None, MaskParameters())
    files = {path.name: sha256_of_file(path) for path in folder.iterdir()}
    with closing(FolderState(state_file(masks))) as state:
        state.add_sub_job(options.job_options, files)
    progress = run(client, folder, masks)
    assert (progress.inferred, progress.failed) == (photos_beside, 1)
    with closing(FolderState(state_file(masks))) as state:
        assert state.submitted() == set()
