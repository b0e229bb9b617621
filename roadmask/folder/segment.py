"""`segment_folder`: a folder run as one call, for code that blocks and for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from roadmask.client.async_client import AsyncClient
from roadmask.client.client import Client
from roadmask.folder.options import RunOptions, file_format
from roadmask.folder.results import FileResult
from roadmask.folder.run import FolderRun
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.pixels import Pixels
from roadmask.schemas.wire import requested


def segment_folder(
    client: Client,
    folder: str | Path,
    out: str | Path,
    format: MaskFormat | str | None = None,
    *,
    model: str = "default",
    quality: Quality = "standard",
    pixels: Pixels | None = None,
    confidence: str | Path | None = None,
) -> Generator[FileResult]:
    """Write a mask of each image below `folder` to the same tree below `out`.

    Yields a result for each file as its mask is written. A run that was interrupted goes on where
    it stopped. `format` is one of `FILE_FORMATS`, by default that of the masks in `out`, or `index`
    in a new folder; `quality` is `fast`, `standard` or `best`; `pixels` says what deep or raw
    samples mean. With `confidence`, a folder, the confidence of each mask is written there. Raises
    `InvalidRequest` for another format, and what `FolderRun.run` raises.
    """
    options = _options(folder, out, format, model, quality, pixels, confidence)
    return FolderRun(client, options).run()


async def segment_folder_async(
    client: AsyncClient,
    folder: str | Path,
    out: str | Path,
    format: MaskFormat | str | None = None,
    *,
    model: str = "default",
    quality: Quality = "standard",
    pixels: Pixels | None = None,
    confidence: str | Path | None = None,
) -> AsyncGenerator[FileResult]:
    """Like `segment_folder`, for asyncio.

    The run hashes, uploads and writes in threads, over connections of its own, while the event
    loop is free. Closing the generator early stops the run; it can be resumed.
    """
    transport = client.transport
    options = _options(folder, out, format, model, quality, pixels, confidence)
    with ExitStack() as stack:
        sync_client = stack.enter_context(
            Client(
                transport.address,
                transport.api_key,
                timeout=transport.timeout,
                patience=transport.patience,
            )
        )
        run = FolderRun(sync_client, options)
        results = stack.enter_context(closing(run.run()))
        opened = stack.pop_all()
    thread, loop = ThreadPoolExecutor(1, "segment_folder"), asyncio.get_running_loop()
    try:
        while result := await loop.run_in_executor(thread, next, results, None):
            yield result
    finally:
        # Wakes the thread if it waits for an event, and lets the run finish its files. That may
        # take as long as a request: the loop is free meanwhile, and a second cancellation does not
        # wait for it.
        run.stop()
        closed = loop.run_in_executor(thread, opened.close)
        thread.shutdown(wait=False)
        await asyncio.shield(closed)


def _options(
    folder: str | Path,
    out: str | Path,
    format: MaskFormat | str | None,
    model: str,
    quality: Quality,
    pixels: Pixels | None,
    confidence: str | Path | None,
) -> RunOptions:
    return RunOptions(
        Path(folder),
        Path(out),
        file_format(format, Path(out)),
        model,
        None if confidence is None else Path(confidence),
        requested(MaskParameters, {"quality": quality, "pixels": pixels}),
    )
