"""The output of a folder run: mask files, and the recorded result of each image."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from roadmask.atomic import write_atomically
from roadmask.errors import InvalidRequest, RecordUnreadable
from roadmask.folder.mask_file import MaskWriter, has_our_palette
from roadmask.folder.options import RunOptions
from roadmask.folder.output_names import (
    CITYSCAPES_FOLDER,
    CITYSCAPES_SUFFIX,
    confidence_name,
    mask_suffix,
)
from roadmask.folder.results import FAILURES, RESULTS, FileResult, read_results
from roadmask.folder.state import FileState, FolderState, KnownFile
from roadmask.images.image_files import FoundImages, examples
from roadmask.images.stems import unique_stems
from roadmask.schemas.mask_formats import FILE_FORMATS
from roadmask.schemas.pixels import AS_STORED


class OutputFolder:
    """The mask files of `images`, which are all images of the folder, and their recorded results.

    `masks` are their `mask_names`. `artifact` is the model version that the service serves now, or
    None if it is uncertain: masks of another version are outdated. Thread-safe.
    """

    def __init__(
        self,
        options: RunOptions,
        images: FoundImages,
        masks: Mapping[str, str],
        state: FolderState,
        artifact: str | None,
    ) -> None:
        self._options = options
        self._names = images.names
        self._unreadable = images.unreadable
        self._masks = masks
        self._state = state
        self._artifact = artifact
        # A string, because joining `Path`s takes longer than looking up a file.
        self._out = os.path.join(options.out, "")
        pixels = options.parameters.pixels or AS_STORED
        self._writer = MaskWriter(options.out, options.format, options.confidence, pixels)

    def unchanged(self, name: str, sha256: str, known: KnownFile | None) -> FileResult | None:
        """The result of an earlier run for these bytes, if its mask files still exist unchanged.

        `known` is the state of the image file under these options.
        """
        mask = self._masks[name]
        line = known.result(sha256, f"{self._out}{mask}") if known else None
        if line is None or (self._artifact and line["artifact"] != self._artifact):
            return None
        confidence = self._options.confidence
        if confidence and not (confidence / confidence_name(mask)).exists():
            return None
        return FileResult.of_line(line, kept=True)

    def write(self, name: str, mask_png: bytes, confidence_png: bytes | None) -> str:
        """Write the files of an image's mask. Returns the mask's path below the output folder."""
        self._writer.write(self._masks[name], self._options.folder / name, mask_png, confidence_png)
        return self._masks[name]

    def record(self, results: Iterable[FileResult]) -> None:
        """Save results for later runs, all of them or none."""
        new = [result for result in results if not result.kept]
        if not new:
            return
        with self._state.transaction():
            for result in new:
                mask = self._options.out / result.mask if result.mask else None
                self._state.save_result(
                    result.image,
                    result.sha256 or "",
                    self._options.result_options,
                    mask,
                    result.line(),
                )

    def adopt(self, names: Iterable[str]) -> None:
        """Record masks of these images that an interrupted run has written but not recorded."""
        recorded = self._state.recorded()
        for mask in (self._masks[name] for name in names if name in self._masks):
            file = f"{self._out}{mask}"
            if mask not in recorded and os.path.isfile(file):
                self._state.save_written(mask, FileState.of(file), by_run=False)

    def stale(self) -> list[str]:
        """Masks of earlier runs, in any format, that belong to no image of the folder.

        Masks that were changed since are left out, and so are masks that may belong to an image in
        an unreadable folder.
        """
        current = set(self._masks.values())
        stems = set(unique_stems(self._names).values())
        suffixes = {mask_suffix(format) for format in FILE_FORMATS}
        out = self._options.out
        return [
            name
            for name in self._state.written()
            if name not in current
            and not any(path == "." or name.startswith(f"{path}/") for path in self._unreadable)
            and not any(
                name.endswith(suffix) and name.removesuffix(suffix) in stems for suffix in suffixes
            )
            and self._state.is_written(name, out / name)
        ]

    def foreign(self) -> list[str]:
        """Files with the suffix of a mask that no run has written, or that were changed since.

        The files of Cityscapes that a run makes of its masks are not among them.
        """
        suffix, out = mask_suffix(self._options.format), self._options.out
        found = []
        for folder, folders, files in os.walk(out):
            inner = {name: Path(folder, name) for name in folders if not name.startswith(".")}
            folders[:] = [name for name in inner if inner[name] != self._options.confidence]
            below = Path(folder).relative_to(out)
            found += [(below / name).as_posix() for name in files if name.endswith(suffix)]
        others = set(found).difference(self._masks.values())
        return sorted(
            name
            for name in others
            if not (name.startswith(f"{CITYSCAPES_FOLDER}/") and name.endswith(CITYSCAPES_SUFFIX))
            and not self._state.is_written(name, out / name)
        )

    def delete(self, names: Iterable[str]) -> None:
        """Delete mask files, and folders that become empty."""
        for name in names:
            file = self._options.out / name
            file.unlink(missing_ok=True)
            self._state.forget_written(name)
            for folder in file.relative_to(self._options.out).parents[:-1]:
                with suppress(OSError):
                    (self._options.out / folder).rmdir()

    def write_results(self) -> None:
        """Write `results.jsonl` and `failures.jsonl` from the recorded results."""
        lines = list(self._state.lines(self._names))
        out = self._options.out
        write_atomically(out / RESULTS, (f"{line}\n".encode() for line in lines))
        failures = (line for line in lines if '"error"' in line and "error" in json.loads(line))
        write_atomically(out / FAILURES, (f"{line}\n".encode() for line in failures))


def check_targets(
    options: RunOptions,
    masks: Mapping[str, str],
    selected: Iterable[str],
    state: FolderState | None,
) -> None:
    """Raise `InvalidRequest` if masks of `selected` would overwrite files not known as masks.

    `masks` are the `mask_names` of all images of the folder. `state` is None for a new folder.
    """
    recorded = state.recorded() if state else set()
    # An interrupted run may have written masks of its open sub-jobs without recording them.
    submitted = state.submitted() if state else set()
    out = os.path.join(options.out, "")
    found = [
        mask
        for name in selected
        if (mask := masks[name]) not in recorded
        and name not in submitted
        and os.path.isfile(f"{out}{mask}")
    ]
    if not found:
        return
    listed = _listed(options.out)
    files = (options.out / mask for mask in found if mask not in listed)
    unknown = [file for file in files if not has_our_palette(file)]
    if unknown:
        one = len(unknown) == 1
        raise InvalidRequest(
            f"Masks would overwrite {len(unknown):,} {'file' if one else 'files'} in {options.out} "
            f"not known as {'a mask' if one else 'masks'}: {examples(unknown, options.out)}. "
            f"Choose another folder with --out, or move {'it' if one else 'them'} away."
        )


def _listed(out: Path) -> set[str | None]:
    """The masks in `results.jsonl`, which may exist without the state: it may not be copied."""
    with suppress(RecordUnreadable):
        return {result.mask for result in read_results(out)}
    return set()
