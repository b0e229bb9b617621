"""Folders of street images on disk, with their annotated masks where there are any.

Three layouts are understood:

- **Cityscapes**: `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png` and
  `gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png` (or `…labelTrainIds.png`);
  `leftImg8bit/SPLIT` is that split alone;
- **CamVid**: an image folder (`images`, `train`, `val`, `test`, `701_StillsRaw_full`) beside the
  11-class index masks of SegNet (`masks11`, `…annot`) or the 32-colour ones (`labels`, `…_labels`,
  `LabeledApproved_full`; `…_L.png`); a split is named by its own image folder;
- **plain**: `images/` beside `masks/`, with category indices, or colours of the palette.

Anything else is a folder of images without masks. Names keep the folders below the image folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.camvid import colors_to_categories
from roadmask.categories import (
    CAMVID11_TO_CATEGORY,
    CITYSCAPES,
    LABEL_ID_TO_CATEGORY,
    TRAIN_ID_TO_CATEGORY,
)
from roadmask.errors import InvalidRequest
from roadmask.pixels import SUFFIXES

UNREAD = frozenset(
    {
        ".arw",
        ".avif",
        ".cr2",
        ".cr3",
        ".dng",
        ".gif",
        ".heic",
        ".heif",
        ".jp2",
        ".jxl",
        ".nef",
        ".orf",
        ".raf",
        ".rw2",
    }
)
"""Suffixes of photos that are not taken: they have to be converted first."""

Reader = Callable[[Path], NDArray[np.uint8]]
"""From a mask file to categories, uint8 (H, W)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a folder: its name (no suffix, `/` between folders) and its mask, if any."""

    name: str
    image: Path
    truth: Path | None = None
    reader: Reader | None = None


def find_samples(folder: Path) -> list[Sample]:
    """The images of a folder in name order. Raises `InvalidRequest` when there are none."""
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder.")
    samples = sorted(_layout(folder), key=lambda sample: sample.name)
    if not samples:
        raise InvalidRequest(
            f"{no_images(folder)} Name the folder above leftImg8bit/, images/ or the images "
            "themselves."
        )
    return samples


def read_truth(sample: Sample) -> NDArray[np.uint8]:
    """The annotated mask of a sample as categories, uint8 (H, W).

    Raises `InvalidRequest` when there is none, or it is broken or not of its layout's form.
    """
    if sample.truth is None or sample.reader is None:
        raise InvalidRequest(f"{sample.image} has no annotated mask.")
    try:
        return sample.reader(sample.truth)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest(
            f"{sample.truth} cannot be read ({error}). Copy the file again."
        ) from error


def find_images(folder: Path) -> list[Path]:
    """All image files below a folder by suffix, in order; hidden files and folders are left out."""
    return _with_suffix(folder, SUFFIXES)


def unread_photos(folder: Path) -> str:
    """A sentence on the photos below a folder that `find_images` passes by; empty without any."""
    unread = _with_suffix(folder, UNREAD)
    if not unread:
        return ""
    kinds = ", ".join(sorted({path.suffix.lower() for path in unread}))
    return f"Photos left out: {len(unread)} ({kinds}). Convert such to JPEG or PNG first."


def no_images(folder: Path) -> str:
    """What to say of a folder in which `find_images` finds nothing."""
    wanted = f"{folder} holds no images ({', '.join(sorted(SUFFIXES))})."
    return f"{wanted} {unread_photos(folder)}".rstrip()


def _with_suffix(folder: Path, suffixes: Collection[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _layout(folder: Path) -> Iterator[Sample]:
    if (folder / "leftImg8bit").is_dir():
        return _cityscapes(folder / "leftImg8bit")
    if "leftImg8bit" in folder.parts:
        return _cityscapes(folder)
    for images in ("images", "train", "val", "test", "701_StillsRaw_full"):
        for masks, reader in (
            ("masks", _plain_categories),
            ("masks11", _camvid11),
            (f"{images}annot", _camvid11),
            (f"{images}_labels", _camvid_colors),
            ("labels", _camvid_colors),
            ("LabeledApproved_full", _camvid_colors),
        ):
            if (folder / images).is_dir() and (folder / masks).is_dir():
                return _side_by_side(folder / images, folder / masks, reader)
    for masks, reader in (
        (f"{folder.name}annot", _camvid11),
        (f"{folder.name}_labels", _camvid_colors),
    ):
        if (folder.parent / masks).is_dir():
            return _side_by_side(folder, folder.parent / masks, reader)
    images_only = folder / "images"
    return _images_only(images_only if images_only.is_dir() else folder)


def _cityscapes(folder: Path) -> Iterator[Sample]:
    root = next(path for path in (folder, *folder.parents) if path.name == "leftImg8bit")
    for image in find_images(folder):
        below = image.relative_to(root)
        stem = image.stem.removesuffix("_leftImg8bit")
        name = str(PurePosixPath(*below.parts[:-1], stem))
        sample = Sample(name, image)
        for kind, reader in (("labelIds", _label_ids), ("labelTrainIds", _train_ids)):
            truth = root.parent / "gtFine" / below.parent / f"{stem}_gtFine_{kind}.png"
            if truth.is_file():
                sample = Sample(name, image, truth, reader)
                break
        yield sample


def _side_by_side(images: Path, masks: Path, reader: Reader) -> Iterator[Sample]:
    for image in find_images(images):
        below = image.relative_to(images).with_suffix("")
        name = str(PurePosixPath(*below.parts))
        candidates = (masks / f"{below}.png", masks / f"{below}_L.png")
        truth = next((path for path in candidates if path.is_file()), None)
        yield Sample(name, image, truth, reader if truth else None)


def _images_only(folder: Path) -> Iterator[Sample]:
    for image in find_images(folder):
        below = image.relative_to(folder).with_suffix("")
        yield Sample(str(PurePosixPath(*below.parts)), image)


def _indices(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        if picture.mode not in ("P", "L"):
            raise InvalidRequest(
                f"{path} should hold one 8-bit index for each pixel, but its mode is "
                f"{picture.mode}."
            )
        return np.array(picture, np.uint8)


def _label_ids(path: Path) -> NDArray[np.uint8]:
    return LABEL_ID_TO_CATEGORY[_indices(path)]


def _train_ids(path: Path) -> NDArray[np.uint8]:
    return TRAIN_ID_TO_CATEGORY[_indices(path)]


def _camvid11(path: Path) -> NDArray[np.uint8]:
    return CAMVID11_TO_CATEGORY[_indices(path)]


def _camvid_colors(path: Path) -> NDArray[np.uint8]:
    return colors_to_categories(_rgb(path))


def _plain_categories(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        colored = picture.mode not in ("P", "L")
    if colored:
        return _palette_colors(path)
    mask = _indices(path)
    beyond = mask >= len(CITYSCAPES)
    if (beyond & (mask != 255)).any():
        raise InvalidRequest(
            f"{path} holds index {mask[beyond & (mask != 255)].min()}, but the categories end at "
            f"{len(CITYSCAPES) - 1}. Convert the masks to categories (255 is taken as void)."
        )
    mask[beyond] = CITYSCAPES.void
    return mask


def _palette_colors(path: Path) -> NDArray[np.uint8]:
    rgb = _rgb(path)
    mask = np.full(rgb.shape[:2], 255, np.uint8)
    for category in CITYSCAPES.categories:
        mask[(rgb == category.color).all(axis=2)] = category.index
    if (mask == 255).any():
        raise InvalidRequest(
            f"{path} holds colours that are not in the palette of {CITYSCAPES.name}."
        )
    return mask


def _rgb(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"), np.uint8)
