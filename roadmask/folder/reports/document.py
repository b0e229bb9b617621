"""Documents: all masks of a folder run for another tool, under the names of the user's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from roadmask.atomic import write_atomically
from roadmask.errors import InvalidRequest
from roadmask.folder.results import FileResult
from roadmask.masks.codec import decode_mask
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.render import document, render
from roadmask.schemas.mask_formats import DocumentFormat, MaskFormat

DOCUMENT_FILES: dict[str, str] = {
    MaskFormat.COCO: "coco.json",
    MaskFormat.CVAT: "cvat.xml",
    MaskFormat.LABELSTUDIO: "labelstudio.json",
    "cityscapes": "gtFine",
}
"""The file of each kind in the output folder; of Cityscapes the folder of its files."""
LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio serves the files of its machine."""


class FolderDocument:
    """The masks of `results` in `out`, which have the format `index` or `png`, as one document."""

    def __init__(self, out: Path, results: Sequence[FileResult]) -> None:
        self.left_out: list[str] = []
        """Images whose mask files cannot be read."""
        self._out = out
        self._results = results

    def write(self, kind: str) -> Path:
        """Write the document; its path. One image is in memory at a time."""
        path = self._out / DOCUMENT_FILES[kind]
        if kind != "cityscapes":
            write_atomically(path, document(self._images(), _format(kind)))
            return path
        for image in self._images():
            stem = PurePosixPath(image.filename).with_suffix("").as_posix()
            name = f"{stem.removesuffix('_leftImg8bit')}_gtFine_labelIds.png"
            write_atomically(path / name, [render(image, MaskFormat.LABELIDS)])
        return path

    def _images(self) -> Iterator[MaskedImage]:
        for index, result in enumerate(self._results):
            try:
                mask = decode_mask((self._out / str(result.mask)).read_bytes())
            except (OSError, InvalidRequest):
                self.left_out.append(result.image)
                continue
            yield MaskedImage(
                mask,
                image_id=result.image,
                index=index,
                model=result.artifact or "",
                filename=result.image,
                url=LOCAL_FILES + quote(result.image, errors="replace"),
            )


def _format(kind: str) -> DocumentFormat:
    match MaskFormat(kind):
        case MaskFormat.COCO | MaskFormat.CVAT | MaskFormat.LABELSTUDIO as format:
            return format
    raise AssertionError(f"{kind} is no document.")
