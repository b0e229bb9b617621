"""Folder runs: a run does not repeat the work of an earlier run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

from roadmask.client.client import Client
from roadmask.errors import Conflict, JobNotFound
from roadmask.folder.fetcher import Fetched, MaskFetcher
from roadmask.folder.lock import FolderLock
from roadmask.folder.options import RunOptions
from roadmask.folder.output_folder import OutputFolder, check_targets
from roadmask.folder.output_names import mask_names
from roadmask.folder.results import FileResult, Progress
from roadmask.folder.selection import Selection
from roadmask.folder.state import BLOCK, FolderState, KnownFile, state_file
from roadmask.folder.uploader import Stopped, SubJob, Uploader

Message = SubJob | list[FileResult] | Fetched | BaseException | None
"""A message from a thread of the run to its main loop; None when all files are submitted."""


class FolderRun:
    """Segments a folder, as often as `run` is called; `progress` counts over all calls.

    Masks go below `out` in the tree of `folder`, each written whole or not at all, beside
    `results.jsonl`, `failures.jsonl` and the state of the run in `.roadmask/`. A run that was
    interrupted is resumed by the next: it finds submitted jobs again, uploads only bytes that the
    service lacks, and leaves masks that are in place. With a folder for `confidence`, each mask's
    confidence is written below it under the mask's name, as a grey PNG where 255 is certain. A
    `selection` takes some of the images.
    """

    def __init__(
        self,
        client: Client,
        options: RunOptions,
        selection: Selection | None = None,
    ) -> None:
        self.progress: Progress = Progress()
        self.jobs: list[str] = []
        """Ids of the jobs that were submitted or resumed."""
        self.stale: list[str] = []
        """Masks of earlier runs, below `out`, that belong to no image of the folder."""
        self.foreign: list[str] = []
        """Files below `out` that are named like masks, and that no run has written."""
        self.unreadable: dict[str, str] = {}
        """Folders below `folder` that the last call of `run` could not list, and why."""
        self._selection = selection or Selection()
        self._client = client
        self._options = options.resolved()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._failed: set[str] = set()

    def run(self, only: Collection[str] | None = None) -> Generator[FileResult]:
        """Yield the result of each file as it ends. `only` names the files, by default all.

        Raises `InvalidRequest` for a folder without images, an empty selection, or files in `out`
        that are not known as masks and would be overwritten. Raises `Conflict` if another run
        writes to `out`, and `ServiceUnreachable` if the service stays unreachable.
        """
        images = self._options.images()
        names, self.unreadable = images.names, images.unreadable
        masks = mask_names(names, self._options.format)
        selected = _selected(self._selection, names, only)
        file = state_file(self._options.out)
        with (
            FolderLock(file.parent, "lock", "`roadmask batch`"),
            closing(FolderState(file)) as state,
        ):
            check_targets(self._options, masks, selected, state)
            self.progress.total += len(selected)
            artifact = self._client.artifact(self._options.model)
            output = OutputFolder(self._options, images, masks, state, artifact)
            try:
                yield from self._collect(selected, state, output)
            except OSError:
                # The disk is full or fails, so the results cannot be written either.
                raise
            except BaseException:
                output.write_results()
                raise
            output.write_results()
            self.stale, self.foreign = output.stale(), output.foreign()

    def delete_stale(self) -> None:
        """Delete the masks in `stale`."""
        images = self._options.images()
        with closing(FolderState(state_file(self._options.out))) as state:
            masks = mask_names(images.names, self._options.format)
            OutputFolder(self._options, images, masks, state, None).delete(self.stale)

    def stop(self) -> None:
        """End the run early, from any thread; the next run resumes it."""
        self._messages.put(Stopped())

    def _collect(
        self, names: list[str], state: FolderState, output: OutputFolder
    ) -> Generator[FileResult]:
        publish = self._messages.put
        confidence = self._options.confidence is not None
        with (
            closing(
                Uploader(self._client, self._options, state, output, self.progress, publish)
            ) as uploader,
            closing(
                MaskFetcher(self._client, output, confidence=confidence, publish=publish)
            ) as fetcher,
        ):
            self._spawn(partial(self._submit, uploader, names))
            open_sub_jobs, submitting = 0, True
            while submitting or open_sub_jobs:
                match self._messages.get():
                    case SubJob() as sub_job:
                        open_sub_jobs += 1
                        self.jobs.append(sub_job.job.id)
                        self._spawn(partial(fetcher.follow, sub_job))
                    case list() as results:
                        yield from self._record(output, results)
                    case Fetched(sub_job, results):
                        sub_job.open_files.difference_update(result.image for result in results)
                        yield from self._record(output, results)
                        if not sub_job.open_files:
                            uploader.complete(sub_job)
                            open_sub_jobs -= 1
                    case None:
                        submitting = False
                    case Stopped():
                        return
                    case OSError() as error:
                        fetcher.finish()
                        yield from self._count_written(output)
                        raise error
                    case JobNotFound() as error:
                        raise Conflict(
                            "A job of this run was deleted. The same command submits its images "
                            "again."
                        ) from error
                    case error:
                        raise error

    def _record(self, output: OutputFolder, results: list[FileResult]) -> Iterator[FileResult]:
        """Save results, then count them. If the disk is full by now, their masks are written."""
        try:
            output.record(results)
        finally:
            yield from map(self._count, results)

    def _count_written(self, output: OutputFolder) -> Iterator[FileResult]:
        """Count the masks that were written before an error, and save them if that is possible."""
        with suppress(queue.Empty):
            while True:
                message = self._messages.get_nowait()
                if isinstance(message, Fetched):
                    with suppress(OSError):
                        output.record(message.results)
                    yield from map(self._count, message.results)

    def _submit(self, uploader: Uploader, names: list[str]) -> None:
        uploader.run(names)
        self._messages.put(None)

    def _count(self, result: FileResult) -> FileResult:
        if result.image in self._failed:
            # An earlier call counted it: this result replaces the failure.
            self._failed.remove(result.image)
            self.progress.failed -= 1
            self.progress.total -= 1
        if result.error is not None:
            self._failed.add(result.image)
        self.progress.count(result)
        return result

    def _spawn(self, work: Callable[[], None]) -> None:
        # Daemons: after Ctrl-C nothing waits for an event stream without events.
        threading.Thread(target=self._guard, args=(work,), daemon=True).start()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:
            self._messages.put(error)


def _selected(selection: Selection, names: list[str], only: Collection[str] | None) -> list[str]:
    """The selected images. Raises `InvalidRequest` if none of the folder's can be selected."""
    if only is None:
        selection.check(names)
    return selection.of(names if only is None else [name for name in names if name in only])


@dataclass(frozen=True, slots=True)
class Plan:
    """Images that a run would segment, and masks that it would find."""

    kept: int
    """Masks in place, of the model version that made them."""
    images: list[str]
    """Images to segment. Only those that were read before are known to have masks."""
    stale: list[str]
    foreign: list[str]


def plan_run(
    options: RunOptions, selection: Selection, only: Collection[str] | None = None
) -> Plan:
    """What a run would do; nothing is read but names and the state. Raises `InvalidRequest`."""
    found = options.images()
    names = found.names
    selected = _selected(selection, names, only)
    masks = mask_names(names, options.format)
    file = state_file(options.out)
    if not file.is_file():
        check_targets(options, masks, selected, None)
        return Plan(0, selected, [], [])
    with closing(FolderState(file)) as state:
        check_targets(options, masks, selected, state)
        output = OutputFolder(options, found, masks, state, None)

        def is_kept(name: str, known: KnownFile | None) -> bool:
            return (
                known is not None
                and known.is_unchanged(options.folder / name)
                and output.unchanged(name, known.sha256, known) is not None
            )

        images: list[str] = []
        for start in range(0, len(selected), BLOCK):
            block = selected[start : start + BLOCK]
            known = state.known(block, options.result_options)
            images += [name for name in block if not is_kept(name, known.get(name))]
        kept = len(selected) - len(images)
        return Plan(kept, images, output.stale(), output.foreign())
