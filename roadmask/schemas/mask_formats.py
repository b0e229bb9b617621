"""The formats of a mask: one list for API, client and command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from roadmask.schemas.media_types import JSON, OCTET_STREAM


class MaskFormat(StrEnum):
    """The formats of a mask. All except `confidence` are derived from the canonical PNG."""

    PNG = "png"
    """Category indices with the palette, an indexed PNG: the canonical format. Viewers show the
    colours; OpenCV, TensorFlow and others return colours, too, and not the indices."""
    INDEX = "index"
    """Category indices 0 to 7, a grey PNG: every reader returns the indices. Viewers show black."""
    LABELIDS = "labelids"
    """Cityscapes label ids, a grey PNG: each category by its most common label."""
    TRAINIDS = "trainids"
    """Cityscapes train ids, a grey PNG: the same labels, 255 for void."""
    COLOR = "color"
    """The palette's colours, an RGB PNG."""
    OVERLAY = "overlay"
    """The colours over the image, a JPEG."""
    RLE = "rle"
    """COCO run lengths for each category, JSON."""
    COCO = "coco"
    """A COCO dataset with stuff annotations, JSON."""
    POLYGONS = "polygons"
    """Outlines as GeoJSON features in pixels, simplified."""
    LABELSTUDIO = "labelstudio"
    """Label Studio tasks with brush predictions, JSON."""
    CVAT = "cvat"
    """Mask annotations as `CVAT for images 1.1`, XML."""
    CONFIDENCE = "confidence"
    """The model's probability of each pixel's category, a grey PNG: 255 is certain. Only for images
    of a job with `confidence`."""
    NPZ = "npz"
    """A NumPy archive of the indices, the names, the palette, and the confidence if computed."""

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.suffix]

    @property
    def suffix(self) -> str:
        """The suffix of a file, with its dot."""
        return _SUFFIXES.get(self, ".png")


_SUFFIXES = {
    MaskFormat.OVERLAY: ".jpg",
    MaskFormat.RLE: ".json",
    MaskFormat.COCO: ".json",
    MaskFormat.POLYGONS: ".geojson",
    MaskFormat.LABELSTUDIO: ".json",
    MaskFormat.CVAT: ".xml",
    MaskFormat.NPZ: ".npz",
}
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".json": JSON,
    ".geojson": "application/geo+json",
    ".xml": "application/xml",
    ".npz": OCTET_STREAM,
}
"""Media types by suffix."""

FILE_FORMATS = (
    MaskFormat.INDEX,
    MaskFormat.PNG,
    MaskFormat.LABELIDS,
    MaskFormat.TRAINIDS,
    MaskFormat.COLOR,
    MaskFormat.OVERLAY,
    MaskFormat.RLE,
    MaskFormat.POLYGONS,
    MaskFormat.NPZ,
)
"""Formats that a folder run writes, one file for each image."""

FOLDER_DOCUMENTS = ("coco", "cvat", "labelstudio", "cityscapes")
"""Formats of all masks of a folder run together; the last is a folder of label id files."""

DocumentFormat = Literal[MaskFormat.COCO, MaskFormat.LABELSTUDIO, MaskFormat.CVAT]
"""Formats that hold a whole job in one document."""
