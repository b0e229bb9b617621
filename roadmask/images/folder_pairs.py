"""Folder pairs: the folders of images and of their masks in the layouts that are known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadmask.images.image_files import find_images
from roadmask.images.labels.label_map import LabelMap
from roadmask.images.labels.label_sets import LABEL_SETS

DEPTH = 3
"""Folders between the given one and a pair."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which a data set lies in folders. Names are compared without case."""

    name: str
    images: str
    """Path of the folder of images."""
    masks: tuple[str, ...]
    """Paths of the folder of masks, the preferred first."""
    labels: str | None = None
    """The label set that such masks have, if their labels agree."""


@dataclass(frozen=True, slots=True)
class FolderPair:
    """A folder of images, the folder of their masks, and the layout that it is."""

    layout: Layout
    images: Path
    masks: Path

    def expected(self, word: str) -> tuple[LabelMap, ...]:
        """The label maps that masks of this pair may have whose names end with `word`."""
        if name := _LABELS_OF_WORD.get(word):
            return LABEL_SETS[name]
        if self.masks.name.casefold() == "masks11":
            return LABEL_SETS["camvid11"]
        return LABEL_SETS[self.layout.labels] if self.layout.labels else ()


_LABELS_OF_WORD = {
    "labelids": "cityscapes-ids",
    "labeltrainids": "cityscapes-trainids",
    "train_id": "cityscapes-trainids",
    "instanceids": "cityscapes-instanceids",
    "color": "cityscapes-colors",
    "train_color": "cityscapes-colors",
}
"""The label set of masks by the end of their names."""
IMAGE_NAMES = (
    *("images", "image", "imgs", "img", "photos", "photo", "rgb", "frames", "inputs", "input"),
    "jpegimages",
)
MASK_NAMES = (
    *("masks", "mask", "masks11", "labels", "label", "annotations", "annotation", "annots", "anns"),
    *(
        "ann",
        "gt",
        "groundtruth",
        "ground_truth",
        "truths",
        "truth",
        "segmentations",
        "segmentation",
    ),
    *("segs", "seg", "semantic", "targets", "masks_machine"),
)

LAYOUTS = (
    Layout("Cityscapes", "leftimg8bit", ("gtfine", "gtcoarse"), "cityscapes"),
    Layout("KITTI", "image_2", ("semantic", "semantic_rgb"), "kitti"),
    Layout(
        "VOC",
        "jpegimages",
        (
            "segmentationclass",
            "segmentationclasspng",
            "segmentationclassraw",
            "segmentationclassaug",
        ),
        "voc",
    ),
    Layout("comma10k", "imgs", ("masks",), "comma10k"),
    Layout("comma10k", "imgs2", ("masks2",), "comma10k"),
    Layout("comma10k", "imgsd", ("masksd",), "comma10k"),
    Layout("mmsegmentation", "img_dir", ("ann_dir",)),
    Layout("Supervisely", "img", ("masks_machine",)),
    Layout("Mapillary Vistas", "images", ("v1.2/labels",), "mapillary-1.2"),
    Layout("Mapillary Vistas", "images", ("v2.0/labels",), "mapillary-2.0"),
    Layout(
        "BDD100K", "images/10k", ("labels/sem_seg/masks", "labels/sem_seg/colormaps"), "bdd100k"
    ),
    Layout("BDD100K", "seg/images", ("seg/labels", "seg/color_labels"), "bdd100k"),
    Layout("A2D2", "camera", ("label",), "a2d2"),
    Layout("CamVid", "701_stillsraw_full", ("labeledapproved_full",), "camvid32"),
    *(Layout("images and masks", name, MASK_NAMES) for name in IMAGE_NAMES),
)
SEGNET = Layout("CamVid", "NAME", ("NAMEannot",), "camvid11")
CAMVID = Layout("CamVid", "NAME", ("NAME_labels",), "camvid32")
NAMED_ALIKE = Layout("images and masks", "NAME", ("NAME_masks",))


def find_pairs(folder: Path) -> list[FolderPair]:
    """The pairs in a folder, or in the folders below it; none if there are images alone."""
    if "leftImg8bit" in folder.parts:
        root = next(path for path in (folder, *folder.parents) if path.name == "leftImg8bit")
        return [pair for pair in _known(root.parent) if pair.images == root]
    beside = _annotated_beside(folder)
    return [beside] if beside else list(_below(folder, DEPTH))


def _below(folder: Path, depth: int) -> Iterator[FolderPair]:
    found = list(_known(folder))
    yield from found
    if found or depth == 0:
        return
    for child in _children(folder).values():
        yield from _below(child, depth - 1)


def _known(folder: Path) -> Iterator[FolderPair]:
    """The pairs whose layout begins in this folder; each folder of images is in one."""
    taken: set[Path] = set()
    for layout in LAYOUTS:
        images = _descend(folder, layout.images)
        if images is None or any(_overlap(images, other) for other in taken):
            continue
        for name in layout.masks:
            masks = _descend(folder, name)
            if masks is not None and masks != images and find_images(masks):
                taken.add(images)
                yield FolderPair(layout, images, masks)
                break
    for child in _children(folder).values():
        pair = _annotated_beside(child)
        if pair and not any(_overlap(pair.images, other) for other in taken):
            yield pair


def _annotated_beside(folder: Path) -> FolderPair | None:
    """Splits such as CamVid's: `val` beside `valannot`, `val_labels` or `val_masks`."""
    for layout in (SEGNET, CAMVID, NAMED_ALIKE):
        masks = folder.parent / layout.masks[0].replace("NAME", folder.name)
        if folder.name and find_images(masks):
            return FolderPair(layout, folder, masks)
    return None


def _descend(folder: Path, path: str) -> Path | None:
    for part in path.split("/"):
        child = _children(folder).get(part)
        if child is None:
            return None
        folder = child
    return folder


def _children(folder: Path) -> dict[str, Path]:
    """The folders in a folder by their names without case, hidden ones and links left out.

    Empty if it cannot be listed: `find_skipped` names it.
    """
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return {}
    return {
        child.name.casefold(): child
        for child in children
        if not child.name.startswith(".") and os.path.isdir(child) and not os.path.islink(child)
    }


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
