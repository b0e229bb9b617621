"""A folder of images in, the same tree of masks out; what was done before is not done again."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

from roadmask.client import Client
from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.folder_lock import FolderLock
from roadmask.folders import find_images, no_images
from roadmask.jobs import FINAL_ITEM_STATES, Item
from roadmask.ledger import Ledger
from roadmask.lots import Intake, Lot, Stopped
from roadmask.mask_files import confidence_name, file_format, mask_file, mask_names, write_whole
from roadmask.mask_formats import MaskFormat
from roadmask.outcomes import FileResult, Progress
from roadmask.packs import Ended
from roadmask.transport import STOPPERS

FETCHES = 4
"""Packs of masks on their way at once."""

News = Lot | tuple[Lot | None, list[FileResult]] | BaseException | None
"""What the threads tell: a lot, outcomes of files, an error; None when all is handed in."""


class Batch:
    """Runs over a folder. `progress` is up to date at any moment, and counts all runs together.

    Masks go below `out` in the tree of `folder`, each whole or not at all, with `results.jsonl`,
    `failures.jsonl` and the memory of the run in `.roadmask/`. After an interruption of any kind
    the same run goes on where it was: jobs handed in are found again, bytes the service has are
    not sent, masks in place are left alone. `model` names the model and `form` the masks'
    form, one of `FILE_FORMATS`. With `confidence`, a folder, that of each mask goes below it under
    the mask's name: a grey PNG, 255 is certain.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        out: Path,
        *,
        form: str = "png",
        model: str = "default",
        confidence: Path | None = None,
    ) -> None:
        self.progress: Progress = Progress()
        self._client = client
        self._folder = folder.resolve()
        self._out = out.resolve()
        self._form = file_format(form)
        self._model = model
        self._confidence = confidence and confidence.resolve()
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._fetches: ThreadPool
        self._masks: dict[str, str] = {}
        self._failed: set[str] = set()

    def run(self, only: Collection[str] | None = None) -> Generator[FileResult]:
        """The outcome of each file, as they come; `only` names those to do, by default all.

        Raises `InvalidRequest` for a folder without images, `Conflict` when a run on `out` is
        under way, `ServiceUnreachable` when the service stays away.
        """
        names = self._names()
        self._masks = mask_names(names, self._form)
        wanted = names if only is None else [name for name in names if name in only]
        state = self._out / ".roadmask"
        lock = FolderLock(state, "lock", "`roadmask batch`")
        with lock, closing(Ledger(state / "ledger.sqlite")) as ledger:
            self.progress.total += len(wanted)
            try:
                with ThreadPool(FETCHES) as self._fetches:
                    yield from self._collect(wanted, ledger)
            finally:
                self._report(names, ledger)

    def stop(self) -> None:
        """End the run early, from any thread; what was handed in is found again by the next."""
        self._news.put(Stopped())

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            raise InvalidRequest(f"{self._folder} is not a folder.")
        own = [place for place in (self._out, self._confidence) if place]
        for place in own:
            if self._folder.is_relative_to(place):
                raise InvalidRequest(f"Masks in {place} would mix with the images; choose another.")
        if self._out == self._confidence:
            raise InvalidRequest(f"Masks in {self._out} would be lost; choose another folder.")
        paths = [
            path
            for path in find_images(self._folder)
            if not any(path.is_relative_to(place) for place in own)
        ]
        if not paths:
            raise InvalidRequest(no_images(self._folder))
        return [path.relative_to(self._folder).as_posix() for path in paths]

    def _collect(self, names: list[str], ledger: Ledger) -> Generator[FileResult]:
        intake = Intake(
            self._client,
            self._folder,
            self._model,
            self._confidence is not None,
            ledger,
            kept=self._keeper(ledger),
            opened=self._news.put,
            settled=lambda result: self._news.put((None, [result])),
            progress=self.progress,
        )
        self._spawn(partial(self._hand_in, intake, names))
        lots, handing_in = 0, True
        with closing(intake):
            while handing_in or lots:
                match self._news.get():
                    case None:
                        handing_in = False
                    case Lot() as lot:
                        lots += 1
                        self._spawn(partial(self._follow, lot))
                    case (lot, [*results]):
                        self._remember(results, ledger)
                        if lot is not None:
                            lot.left.difference_update(result.image for result in results)
                        yield from map(self._count, results)
                        if lot is not None and not lot.left:
                            ledger.close_lot(lot.key)
                            intake.release()
                            lots -= 1
                    case Stopped():
                        return
                    case error:
                        raise error

    def _hand_in(self, intake: Intake, names: list[str]) -> None:
        intake.run(names)
        self._news.put(None)

    def _follow(self, lot: Lot) -> None:
        """Fetch the masks of a lot as its items end; in a thread of its own."""
        ended = Ended(lambda: self._later(partial(self._fetch, lot, ended)))
        unseen = set(range(lot.job.counts.total))
        for event in self._client.events(lot.job):
            index: int = event.data.get("index", -1)
            final = event.type == "item" and event.data["state"] in FINAL_ITEM_STATES
            if final and index in unseen:
                unseen.remove(index)
                ended.add([index])
        # Events may have been dropped; the records are the truth.
        ended.add(unseen)
        ended.finish()

    def _fetch(self, lot: Lot, ended: Ended) -> None:
        pack = ended.take()
        results = [
            self._finish(lot, name, item, png)
            for item, png in self._client.masks(lot.job, pack.start, pack.stop)
            for name in lot.names(item.image_id)
        ]
        self._news.put((lot, results))

    def _finish(self, lot: Lot, name: str, item: Item, png: bytes | None) -> FileResult:
        try:
            mask = self._write(lot, name, item, png) if item.result else None
            return FileResult.of_item(name, lot.files[name], item, mask)
        except STOPPERS:
            raise
        except RoadmaskError as error:
            return FileResult.of_error(name, lot.files[name], error)

    def _write(self, lot: Lot, name: str, item: Item, png: bytes | None) -> str:
        if png is None:
            # It is no longer in the store, or the item ended while the pack was made.
            png = self._client.mask_bytes(self._client.item(lot.job, item.index))
        mask, grey = self._masks[name], None
        if self._confidence is not None:
            grey = self._client.rendering(lot.job, item.index, MaskFormat.CONFIDENCE)
            write_whole(self._confidence / confidence_name(mask), [grey])
        write_whole(self._out / mask, [mask_file(png, self._folder / name, self._form, grey)])
        return mask

    def _keeper(self, ledger: Ledger) -> Callable[[str, str], FileResult | None]:
        """Tells the outcome of a file whose mask is in place from an earlier run."""
        current = self._client.artifact(self._model)

        def kept(name: str, sha256: str) -> FileResult | None:
            mask = self._out / self._masks[name]
            line = ledger.finished(name, sha256, self._setting, mask)
            if line is None or (current and line["artifact"] != current):
                return None
            grey = confidence_name(self._masks[name])
            if self._confidence and not (self._confidence / grey).exists():
                return None
            return FileResult.of_line(line, kept=True)

        return kept

    @property
    def _setting(self) -> str:
        return f"{self._model} {self._form}{' confidence' if self._confidence else ''}"

    def _remember(self, results: Iterable[FileResult], ledger: Ledger) -> None:
        with ledger.at_once():
            for result in results:
                if not result.kept:
                    mask = self._out / result.mask if result.mask else None
                    sha256 = result.sha256 or ""
                    ledger.record(result.image, sha256, self._setting, mask, result.line())

    def _count(self, result: FileResult) -> FileResult:
        if result.image in self._failed:
            # Done again in a later run: this outcome takes the place of the failure.
            self._failed.remove(result.image)
            self.progress.failed -= 1
            self.progress.total -= 1
        if result.error is not None:
            self._failed.add(result.image)
        self.progress.count(result)
        return result

    def _report(self, names: list[str], ledger: Ledger) -> None:
        lines = [(line, json.dumps(line)) for line in ledger.lines(names)]
        everything = (f"{text}\n".encode() for _, text in lines)
        write_whole(self._out / "results.jsonl", everything)
        failures = (f"{text}\n".encode() for line, text in lines if "error" in line)
        write_whole(self._out / "failures.jsonl", failures)

    def _spawn(self, work: Callable[[], None]) -> None:
        # Daemons: after Ctrl-C nobody waits for a stream that has gone quiet.
        threading.Thread(target=self._guard, args=(work,), daemon=True).start()

    def _later(self, work: Callable[[], None]) -> None:
        self._fetches.apply_async(work, error_callback=self._news.put)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:
            self._news.put(error)
