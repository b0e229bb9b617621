"""A folder run of AsyncClient: results as they come, and a loop that stays free meanwhile."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from roadmask import AsyncClient, Client, segment_folder_async
from roadmask.errors import InvalidRequest
from roadmask.folder.results import FileResult
from tests.harness.client.stub_server import StubResponse, StubServer, stub_server
from tests.harness.images.api_images import picture
from tests.harness.waiting import wait_until
from tests.harness.worker.fake_worker import FakeWorker


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        (folder / f"{seed}.jpg").write_bytes(picture(seed))
    return folder


async def _all(url: str, photos: Path, masks: Path) -> list[FileResult]:
    async with AsyncClient(url, patience=5) as client:
        return [result async for result in segment_folder_async(client, photos, masks)]


@pytest.mark.usefixtures("busy_worker")
def test_every_file_has_its_result(client: Client, photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    first = asyncio.run(_all(client.base_url, photos, masks))
    assert {result.image for result in first} == {f"{seed}.jpg" for seed in range(5)}
    assert all(result.mask and (masks / result.mask).is_file() for result in first)
    again = asyncio.run(_all(client.base_url, photos, masks))
    assert [result.kept for result in again] == [True] * 5


def test_the_loop_runs_while_masks_are_waited_for_and_leaving_stops_the_run(
    client: Client, worker: FakeWorker, photos: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"

    async def leave() -> FileResult:
        async with (
            AsyncClient(client.base_url, patience=5) as ours,
            aclosing(segment_folder_async(ours, photos, masks)) as results,
        ):
            first = asyncio.ensure_future(anext(results))
            while not (jobs := [job async for job in ours.jobs()]):
                await asyncio.sleep(0.02)
            worker.succeed(jobs[0].id, 0)
            return await first

    first = asyncio.run(leave())
    assert first.mask
    (job,) = client.jobs()
    worker.finish(job.id)
    rest = asyncio.run(_all(client.base_url, photos, masks))
    assert [result.error for result in rest] == [None] * 5
    assert [found.id for found in client.jobs()] == [job.id]


def test_a_task_that_is_canceled_leaves_no_thread_behind(
    client: Client, photos: Path, tmp_path: Path
) -> None:
    async def give_up() -> None:
        task = asyncio.ensure_future(_all(client.base_url, photos, tmp_path / "masks"))
        await asyncio.to_thread(wait_until, lambda: list(client.jobs()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(give_up(), 20))


def test_the_loop_is_free_while_a_canceled_run_ends(photos: Path, tmp_path: Path) -> None:
    async def cancel(server: StubServer) -> float:
        task = asyncio.ensure_future(_all(server.url, photos, tmp_path / "masks"))
        await asyncio.to_thread(wait_until, lambda: server.requests)
        begun = time.monotonic()
        task.cancel()
        await asyncio.sleep(0.1)
        seconds = time.monotonic() - begun
        with pytest.raises(asyncio.CancelledError):
            await task
        return seconds

    with stub_server(StubResponse(delay_s=3)) as server:
        assert asyncio.run(cancel(server)) < 2


def test_what_stops_a_run_is_raised(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no images"):
        asyncio.run(_all(client.base_url, tmp_path / "empty", tmp_path / "masks"))
