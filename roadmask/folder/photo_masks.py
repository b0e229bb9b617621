"""The mask files of a few photos, and the files that they must not overwrite."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from roadmask.errors import InvalidRequest
from roadmask.folder.mask_file import MaskWriter, has_our_palette
from roadmask.folder.output_names import confidence_name, mask_names, recorded_name
from roadmask.folder.state import FileState, FolderState, state_file
from roadmask.images.stems import below_common_folder, folded


@dataclass(frozen=True, slots=True)
class PhotoMasks:
    """Photos, each with the name of its mask below the folder of `writer`."""

    names: dict[Path, str]
    writer: MaskWriter

    @classmethod
    def of(cls, photos: Sequence[Path], writer: MaskWriter) -> PhotoMasks:
        """Name each mask after its photo, without folders: `x.png` for `a/x.jpg`.

        Photos with the same name keep the folders in which they differ. Names that only differ by
        case count as equal, as on macOS and Windows.
        """
        # A link is not resolved: the name of its target may be a hash.
        paths = {photo: Path(os.path.abspath(photo)) for photo in photos}
        names = [path.name for path in paths.values()]
        if len(set(map(folded, names))) < len(names):
            names = below_common_folder(list(paths.values()))
        masks = mask_names(names, writer.format)
        return cls({photo: masks[name] for photo, name in zip(paths, names, strict=True)}, writer)

    def check(self, *, force: bool = False) -> None:
        """Raise `InvalidRequest` if a file that is not known as a mask would be overwritten.

        With `force`, only the photos themselves are protected.
        """
        out, confidence = self.writer.out, self.writer.confidence
        if confidence is not None and confidence.resolve() == out.resolve():
            raise InvalidRequest(
                f"The confidence images would overwrite the masks in {out}; choose another folder "
                "for them."
            )
        photos = {photo.resolve() for photo in self.names}
        known = self._known()
        for name, file in self._files():
            if file.resolve() in photos:
                raise InvalidRequest(
                    f"{file} is a photo, and its mask would overwrite it. Choose another folder "
                    "with --out."
                )
            if not force and file.exists() and name not in known and not has_our_palette(file):
                raise InvalidRequest(
                    f"{file} exists and is not known as a mask. Choose another folder with --out, "
                    "or overwrite it with --force."
                )

    def record(self, photo: Path) -> None:
        """Record the written files of a photo's mask, so that a later run may replace them."""
        with closing(FolderState(state_file(self.writer.out))) as state:
            for name, file in self._files_of(self.names[photo]):
                if file.exists():
                    state.save_written(name, FileState.of(file), by_run=False)

    def _known(self) -> set[str]:
        """The names of recorded files that have not been changed since."""
        if not state_file(self.writer.out).is_file():
            return set()
        with closing(FolderState(state_file(self.writer.out))) as state:
            return {name for name, file in self._files() if state.is_written(name, file)}

    def _files(self) -> Iterator[tuple[str, Path]]:
        for name in self.names.values():
            yield from self._files_of(name)

    def _files_of(self, name: str) -> Iterator[tuple[str, Path]]:
        """The files of a mask, each with its name in the records of the output folder."""
        yield name, self.writer.out / name
        if self.writer.confidence is not None:
            file = self.writer.confidence / confidence_name(name)
            yield recorded_name(file, self.writer.out), file
