"""Documents: all masks of a folder run for another tool, under the names of the user's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from roadmask.atomic import write_atomically
from roadmask.errors import InvalidRequest, MaskNotWritten
from roadmask.folder.mask_file import write_mask_file
from roadmask.folder.output_names import CITYSCAPES_FOLDER, CITYSCAPES_SUFFIX
from roadmask.folder.results import FileResult
from roadmask.images.stems import folded, unique_stems
from roadmask.masks.codec import decode_mask
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.render import document, render
from roadmask.schemas.mask_formats import DocumentFormat, MaskFormat

DOCUMENT_FILES: dict[str, str] = {
    MaskFormat.COCO: "coco.json",
    MaskFormat.CVAT: "cvat.xml",
    MaskFormat.LABELSTUDIO: "labelstudio.json",
    "cityscapes": CITYSCAPES_FOLDER,
}
"""The file of each kind of document in the output folder; for Cityscapes, the folder."""
LOCAL_FILES = "/data/local-files/?d="
"""URL prefix under which Label Studio serves the files of its machine."""


class FolderDocument:
    """The masks of `results` in `out`, files in the format `index` or `png`, as one document."""

    def __init__(self, out: Path, results: Sequence[FileResult]) -> None:
        self.left_out: list[str] = []
        """Images whose mask files cannot be read, or whose label files cannot be written."""
        self._out = out
        self._results = results

    def write(self, kind: str) -> Path:
        """Write the document and return its path. One image is in memory at a time."""
        path = self._out / DOCUMENT_FILES[kind]
        if kind != "cityscapes":
            write_atomically(path, document(self._images(), _format(kind)))
            return path
        names = cityscapes_names([result.image for result in self._results])
        for image in self._images():
            try:
                write_mask_file(path / names[image.filename], render(image, MaskFormat.LABELIDS))
            except MaskNotWritten:
                self.left_out.append(image.filename)
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


def cityscapes_names(images: Sequence[str]) -> dict[str, str]:
    """The label file of each image: `a/x_gtFine_labelIds.png` for `a/x_leftImg8bit.png`.

    Images that would share a file keep `_leftImg8bit` or their suffix in its name.
    """
    whole = unique_stems(images)
    short = {image: stem.removesuffix("_leftImg8bit") for image, stem in whole.items()}
    counts = Counter(map(folded, short.values()))
    stems = {
        image: name if counts[folded(name)] == 1 else whole[image] for image, name in short.items()
    }
    return {image: f"{stem}{CITYSCAPES_SUFFIX}" for image, stem in stems.items()}


def _format(kind: str) -> DocumentFormat:
    match MaskFormat(kind):
        case MaskFormat.COCO | MaskFormat.CVAT | MaskFormat.LABELSTUDIO as format:
            return format
    raise AssertionError(f"{kind} is no document.")
