"""The options of a folder run, and the images that they select."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from roadmask.errors import InvalidRequest
from roadmask.folder.state import last_format
from roadmask.images.image_files import FoundImages, list_images, no_images
from roadmask.schemas.mask_formats import FILE_FORMATS, FOLDER_DOCUMENTS, MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a folder run. During a run all paths are absolute: see `resolved`."""

    folder: Path
    out: Path
    format: MaskFormat
    model: str
    confidence: Path | None
    """Folder of the confidence images; None for no such images."""
    parameters: MaskParameters

    def resolved(self) -> RunOptions:
        """The same options with absolute paths."""
        confidence = self.confidence and self.confidence.resolve()
        return replace(
            self, folder=self.folder.resolve(), out=self.out.resolve(), confidence=confidence
        )

    @property
    def job_options(self) -> str:
        """The options that identify the jobs of this run among runs on the same files."""
        return " ".join([self.model, *self._mask_options])

    @property
    def result_options(self) -> str:
        """The options that identify the masks of this run among runs on the same files."""
        return " ".join([self.model, self.format, *self._mask_options])

    @property
    def _mask_options(self) -> list[str]:
        given = [f"{name}={value}" for name, value in self.parameters.given().items()]
        return [*given, *(["confidence"] if self.confidence else [])]

    def images(self) -> FoundImages:
        """All images below `folder`, except those below the output folders.

        Raises `InvalidRequest` if there are none, or if masks would mix with images.
        """
        if not self.folder.is_dir():
            raise InvalidRequest(f"{self.folder} is not a folder.")
        outputs = [path for path in (self.out, self.confidence) if path]
        for path in outputs:
            if self.folder.is_relative_to(path):
                raise InvalidRequest(f"Masks in {path} would mix with the images; choose another.")
        if self.out == self.confidence:
            raise InvalidRequest(
                f"The confidence images would overwrite the masks in {self.out}; choose another "
                "folder for them."
            )
        within = tuple(
            f"{path.relative_to(self.folder).as_posix()}/"
            for path in outputs
            if path.is_relative_to(self.folder)
        )
        found = list_images(self.folder)
        names = [name for name in found.names if not name.startswith(within)]
        if not names:
            raise InvalidRequest(no_images(self.folder))
        folders = found.unreadable.items()
        return FoundImages(
            names, {name: why for name, why in folders if not f"{name}/".startswith(within)}
        )


def file_format(name: str | None, out: Path) -> MaskFormat:
    """The format with this name; by default that of the last run into `out`, or else `INDEX`.

    A document is made from mask files with category indices, `PNG` or `INDEX`. Raises
    `InvalidRequest` for a format that is not written to files.
    """
    last = last_format(out)
    if name in FOLDER_DOCUMENTS:
        return MaskFormat.PNG if last == MaskFormat.PNG else MaskFormat.INDEX
    name = name or last or MaskFormat.INDEX
    if name not in FILE_FORMATS:
        raise InvalidRequest(
            f"Masks are not written as {name!r}; choose from {', '.join(FILE_FORMATS)}. "
            "The service offers other formats of a mask and of a whole job."
        )
    return MaskFormat(name)
