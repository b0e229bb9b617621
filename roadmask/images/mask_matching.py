"""Mask matching: which mask file belongs to which image file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from roadmask.images.sniffing import SUFFIXES
from roadmask.images.stems import folded

_WORDS = (
    r"gtfine_labelids|gtfine_labeltrainids|gtfine_instanceids|gtfine_color|"
    r"gtcoarse_labelids|gtcoarse_labeltrainids|gtcoarse_instanceids|gtcoarse_color|"
    r"labelids|labeltrainids|instanceids|train_id|train_ids|train_color|"
    r"masks?|labels?|gt|ground_?truth|truth|seg|segmentation|semantic|annotations?|annot|ann|"
    r"matte|color_mask|label_img|l"
)
MASK_SUFFIX = re.compile(rf"[._-](?P<word>{_WORDS})$", re.IGNORECASE)
"""What annotation tools add to the name of an image."""
IMAGE_SUFFIX = re.compile(r"[._-](leftimg8bit|image|img|rgb|photo|camera)$", re.IGNORECASE)
"""What data sets add to the name of an image."""
_RANKS = ("labelids", "labeltrainids", "train_id", "train_ids", "", "instanceids", "color")
"""Of several masks of one image the first kind is read; `""` stands for all other words."""


@dataclass(slots=True)
class Matches:
    """The mask of each image, and what has no partner."""

    masks: dict[Path, Path] = field(default_factory=dict)
    """Image to mask."""
    unmatched: list[Path] = field(default_factory=list)
    """Masks without an image."""


def match_masks(
    images: Sequence[Path], image_folder: Path, masks: Sequence[Path], mask_folder: Path
) -> Matches:
    """Give each image its mask. Names are compared below their folders, without case.

    In this order a mask is that of an image if it has its name (`a.png` for `a.jpg`), its whole
    name (`a.jpg.png`), its name and a word such as `_mask`, or its name in another folder, if no
    other image has it. The whole name is needed where two images differ in their suffix alone, and
    the case counts where two images differ in it alone.
    """
    found = Matches()
    index = _Index(masks, mask_folder)
    stems = Counter(_stem(image, image_folder) for image in images)
    exact = Counter(_exact_stem(image, image_folder) for image in images)
    names = Counter(PurePosixPath(_stem(image, image_folder)).name for image in images)
    used: set[Path] = set()
    for image in images:
        stem, full = _stem(image, image_folder), _key(image, image_folder)
        name = PurePosixPath(stem).name
        variants = index.of_full_name(full)
        if not variants and stems[stem] == 1:
            variants = index.of_stem(stem)
        elif not variants and exact[own := _exact_stem(image, image_folder)] == 1:
            variants = [
                mask
                for mask in index.of_stem(stem)
                if _exact_stem(mask, mask_folder).startswith(own)
            ]
        if not variants and names[name] == 1:
            variants = index.of_name(name)
        used.update(variants)
        if variants:
            found.masks[image] = min(variants, key=_rank)
    found.unmatched = [mask for mask in masks if mask not in used]
    return found


def mask_word(path: Path) -> str:
    """The word that the name of a mask ends with, in lower case: `labelids`; empty without one."""
    word = MASK_SUFFIX.search(_without_suffix(path.name))
    return re.sub(r"^gt(fine|coarse)_", "", word["word"].lower()) if word else ""


class _Index:
    """Mask files by the names that their images can have."""

    def __init__(self, masks: Iterable[Path], folder: Path) -> None:
        self._by_full_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        self._by_short_stem: dict[str, list[Path]] = {}
        self._by_name: dict[str, list[Path]] = {}
        for mask in masks:
            # A2D2 has the word in the middle of its names.
            stem = _without_suffix(_key(mask, folder)).replace("_label_", "_camera_")
            short = MASK_SUFFIX.sub("", stem)
            if PurePosixPath(stem).suffix in SUFFIXES or PurePosixPath(short).suffix in SUFFIXES:
                full = stem if PurePosixPath(stem).suffix in SUFFIXES else short
                self._by_full_name.setdefault(full, []).append(mask)
                stem = short = _without_suffix(full)
            self._by_stem.setdefault(stem, []).append(mask)
            self._by_short_stem.setdefault(short, []).append(mask)
            self._by_name.setdefault(PurePosixPath(short).name, []).append(mask)

    def of_full_name(self, name: str) -> list[Path]:
        return self._by_full_name.get(name, [])

    def of_stem(self, stem: str) -> list[Path]:
        """Masks of an image without suffix: all that have its stem, with and without a word."""
        short = IMAGE_SUFFIX.sub("", stem)
        exact = self._by_stem.get(stem, [])
        variants = self._by_short_stem.get(stem) or self._by_short_stem.get(short, [])
        return [*exact, *(mask for mask in variants if mask not in exact)]

    def of_name(self, name: str) -> list[Path]:
        found = self._by_name.get(name) or self._by_name.get(IMAGE_SUFFIX.sub("", name), [])
        return found if len({mask.parent for mask in found}) == 1 else []


def _rank(mask: Path) -> tuple[int, int, str]:
    word = mask_word(mask)
    rank = _RANKS.index(word if word in _RANKS else "color" if word.endswith("color") else "")
    return rank, mask.suffix.lower() != ".png", mask.name


def _relative(path: Path, folder: Path) -> str:
    """The path below the folder, its accents composed: macOS decomposes those of files."""
    return normalize("NFC", path.relative_to(folder).as_posix())


def _key(path: Path, folder: Path) -> str:
    return folded(path.relative_to(folder).as_posix())


def _stem(image: Path, folder: Path) -> str:
    return _without_suffix(_key(image, folder))


def _exact_stem(path: Path, folder: Path) -> str:
    return _without_suffix(_relative(path, folder))


def _without_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in SUFFIXES else name
