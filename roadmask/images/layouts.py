"""Folders of street images on disk, with their annotated masks where there are any.

`docs/datasets.md` lists the layouts that are known. Anything else is a folder of images without
masks. Names keep the folders below the image folder.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.images.folder_pairs import IMAGE_NAMES, LAYOUTS, FolderPair, find_pairs
from roadmask.images.image_files import Skipped, examples, find_images, find_skipped, no_images
from roadmask.images.labels.choice import LabelChoice, choose_labels
from roadmask.images.labels.label_file import CVAT_FILE, read_cvat_file
from roadmask.images.labels.label_map import LabelMap
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.mask_matching import MASK_SUFFIX, Matches, mask_word, match_masks
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.images.sniffing import LOSSY_SUFFIXES
from roadmask.images.stems import folded, stem
from roadmask.schemas.pixels import AS_STORED, Pixels

LEFT = "l"
"""The end of CamVid's masks, which is also that of images of a left camera."""
MASK_FOLDER = re.compile(
    r"(^|[^a-z])(masks?|labels?|annot(ations?)?|gt|gtfine|gtcoarse|segmentations?|semantic)$",
    re.IGNORECASE,
)
"""The end of the name of a folder that has masks, whatever it is beside."""
_NAMELESS = {*IMAGE_NAMES, *(part for layout in LAYOUTS for part in layout.images.split("/"))}
"""Folders whose names say no more than that there are images in them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a folder, and its mask, if any."""

    name: str
    """Unique in the folder: its path below the image folder, with `/`. It has no suffix, unless
    another image has the same name without it."""
    image: Path
    filename: str
    """Path of the image file below the image folder, with `/` and its suffix."""
    truth: Path | None = None
    labels: LabelMap | None = None
    """How the mask is read as categories."""
    pixels: Pixels = AS_STORED
    """What the samples of the image mean."""


@dataclass
class DatasetFolder:
    """What a folder was taken for: its images in name order with their masks, and what was left."""

    folder: Path
    layouts: list[str]
    """Of each folder of images, in words."""
    samples: list[Sample]
    labels: list[LabelChoice] = field(default_factory=list)
    """The label maps that its masks are read with."""
    unmatched: list[Path] = field(default_factory=list)
    """Masks that lie there and belong to no image."""
    others: list[Path] = field(default_factory=list)
    """Image files in folders that are no part of its layout."""
    suspects: list[Path] = field(default_factory=list)
    """Images that look like masks, by their names."""

    @cached_property
    def skipped(self) -> Skipped:
        """What lies below the folder and is not read."""
        return find_skipped(self.folder)

    def notes(self) -> list[str]:
        """Sentences about what was left out and what is doubtful, with examples."""
        texts = (
            (self.unmatched, "masks without an image"),
            (self.others, "image files in other folders, which are left out"),
            (self.suspects, "images that may be masks by their names"),
        )
        notes = [
            f"{len(paths)} {text}: {examples(paths, self.folder)}."
            for paths, text in texts
            if paths
        ]
        return [*notes, *self.skipped.messages(self.folder)]

    def check_matched(self) -> None:
        """Raise `InvalidRequest` if there are masks, but none belongs to an image."""
        if self.unmatched and not any(sample.truth for sample in self.samples):
            raise InvalidRequest(
                f"None of {len(self.unmatched)} masks in {self.folder} belongs to one of its "
                f"{len(self.samples)} images: {examples(self.unmatched, self.folder)}. Name each "
                "mask like its image, or move the masks away."
            )


def find_samples(folder: Path, reading: Reading = AS_FOUND) -> list[Sample]:
    """The images of a folder in name order. Raises what `read_folder` raises.

    Also raises `InvalidRequest` if there are masks, but none belongs to an image.
    """
    found = read_folder(folder, reading)
    found.check_matched()
    return found.samples


def read_folder(folder: Path, reading: Reading = AS_FOUND) -> DatasetFolder:
    """The images and masks of a folder, and the label maps of the masks.

    All masks are read once for that. Raises `InvalidRequest` when there are no images, when it is
    not clear how the masks are labelled, and for labels that the map does not have.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder.")
    pairs = find_pairs(folder)
    found = _of_pairs(folder, pairs) if pairs else _of_images(folder)
    if not found.samples:
        raise InvalidRequest(
            f"{no_images(folder)} Give the folder that contains leftImg8bit/, images/ or the "
            "images themselves."
        )
    _choose_labels(found, pairs, reading.labels)
    samples = (replace(sample, pixels=reading.pixels) for sample in _unique(found.samples))
    found.samples = sorted(samples, key=lambda sample: sample.name)
    return found


def read_truth(sample: Sample) -> NDArray[np.uint8]:
    """The annotated mask of a sample as categories, uint8 (H, W).

    Raises `InvalidRequest` when there is none, or it is damaged or has other labels than its map.
    """
    if sample.truth is None or sample.labels is None:
        raise InvalidRequest(f"{sample.image} has no annotated mask.")
    return sample.labels.read(sample.truth)


def _of_pairs(folder: Path, pairs: Sequence[FolderPair]) -> DatasetFolder:
    found = DatasetFolder(folder, [], [])
    for pair in pairs:
        # A split of Cityscapes is below the folder of all images.
        inside = folder if folder.is_relative_to(pair.images) else pair.images
        images = find_images(inside)
        masks = find_images(pair.masks / inside.relative_to(pair.images))
        matches = match_masks(images, pair.images, masks, pair.masks)
        found.unmatched += matches.unmatched
        prefix = _prefix(pair, folder) if len(pairs) > 1 else ""
        found.samples += [
            _sample(image, pair.images, matches, prefix, folder if len(pairs) > 1 else pair.images)
            for image in images
        ]
        base = Path(os.path.commonpath([pair.images, pair.masks])) if len(pairs) == 1 else folder
        found.layouts.append(
            f"{pair.layout.name}: {len(images)} images in {pair.images.relative_to(base)}/, "
            f"{len(matches.masks)} of them with a mask in {pair.masks.relative_to(base)}/"
        )
    taken = [place for pair in pairs for place in (pair.images, pair.masks)]
    found.others = [
        path
        for path in find_images(folder)
        if not any(path.is_relative_to(place) for place in taken)
    ]
    return found


def _of_images(folder: Path) -> DatasetFolder:
    """Images without a folder of masks. Masks may lie beside them: `a_mask.png` beside `a.jpg`."""
    images_only = folder / "images"
    inside = images_only if find_images(images_only) else folder
    files = find_images(inside)
    stems = {folded(stem(path.relative_to(inside).as_posix())) for path in files}
    masks = {path for path in files if _is_mask_of_another(path, inside, stems)}
    among = {path for path in files if _lies_among_masks(path, inside)}
    # A folder that is called `masks` and has all there is has images.
    masks |= among if among != set(files) else set()
    images = [path for path in files if path not in masks]
    matches = match_masks(images, inside, sorted(masks), inside)
    found = DatasetFolder(
        folder, [], [_sample(image, inside, matches, "", inside) for image in images]
    )
    found.unmatched = matches.unmatched
    photos = {stem(path.as_posix()) for path in images if path.suffix.lower() in LOSSY_SUFFIXES}
    found.suspects = [
        path
        for path in images
        if mask_word(path) not in ("", LEFT)
        or (path.suffix.lower() == ".png" and stem(path.as_posix()) in photos)
    ]
    masked = f", {len(matches.masks)} of them with a mask" if masks else ""
    found.layouts.append(f"no known layout: {len(images)} images{masked}")
    return found


def _lies_among_masks(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts[:-1]
    return path.suffix.lower() not in LOSSY_SUFFIXES and any(
        MASK_FOLDER.search(part) for part in parts
    )


def _is_mask_of_another(path: Path, folder: Path, stems: set[str]) -> bool:
    if path.suffix.lower() in LOSSY_SUFFIXES or mask_word(path) in ("", LEFT):
        return False
    short = MASK_SUFFIX.sub("", folded(stem(path.relative_to(folder).as_posix())))
    return short in stems or stem(short) in stems


def _sample(image: Path, images: Path, matches: Matches, prefix: str, root: Path) -> Sample:
    below = stem(image.relative_to(images).as_posix()).removesuffix("_leftImg8bit")
    name = str(PurePosixPath(prefix, below))
    return Sample(name, image, image.relative_to(root).as_posix(), matches.masks.get(image))


def _prefix(pair: FolderPair, folder: Path) -> str:
    """The folders between the given one and the images that tell pairs apart."""
    parts = pair.images.relative_to(folder).parts
    return "/".join(part for part in parts if part.casefold() not in _NAMELESS)


def _choose_labels(found: DatasetFolder, pairs: Sequence[FolderPair], option: LabelOption) -> None:
    """Give each sample the label map of all masks of its folder and kind."""
    given = option.maps()
    groups: dict[tuple[int, str], list[int]] = {}
    for index, sample in enumerate(found.samples):
        if sample.truth is not None:
            number = next(
                (n for n, pair in enumerate(pairs) if sample.truth.is_relative_to(pair.masks)), -1
            )
            groups.setdefault((number, mask_word(sample.truth)), []).append(index)
    for (number, word), indices in groups.items():
        masks = [truth for index in indices if (truth := found.samples[index].truth)]
        pair = pairs[number] if number >= 0 else None
        expected = pair.expected(word) if pair else ()
        if pair and not given and (file := _cvat_file(pair, found.folder)):
            expected = (read_cvat_file(file), *expected)
        choice = choose_labels(masks, given, expected, void_unknown=option.void_unknown)
        found.labels.append(choice)
        for index in indices:
            found.samples[index] = replace(found.samples[index], labels=choice.labels)


def _cvat_file(pair: FolderPair, folder: Path) -> Path | None:
    for place in (pair.images.parent, folder):
        if (place / CVAT_FILE).is_file():
            return place / CVAT_FILE
    return None


def _unique(samples: Iterable[Sample]) -> list[Sample]:
    """Samples of one name get the names of their files."""
    samples = list(samples)
    counts = Counter(sample.name for sample in samples)
    filenames = {sample.filename for sample in samples}
    return [
        sample
        if counts[sample.name] == 1 and sample.name not in filenames
        else replace(sample, name=sample.filename)
        for sample in samples
    ]
