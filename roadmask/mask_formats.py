"""The forms in which a mask can be had: the one list for API, client and program."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class MaskFormat(StrEnum):
    """The forms of a mask, all but `confidence` derived from its canonical PNG."""

    PNG = "png"
    """Category indices, an indexed PNG: the canonical form."""
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
    """How sure the model is of each pixel, a grey PNG: 255 is certain. Only of jobs that ask."""
    NPZ = "npz"
    """A NumPy archive of the indices, the names, the palette, and the confidence if it is there."""

    @property
    def media_type(self) -> str:
        """What the bytes are, as HTTP names it."""
        return MEDIA_TYPES[self.suffix]

    @property
    def suffix(self) -> str:
        """The end of a file's name, with its dot."""
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
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".xml": "application/xml",
    ".npz": "application/octet-stream",
}
"""Media types by the suffix of a form."""

FILE_FORMATS = (
    MaskFormat.PNG,
    MaskFormat.LABELIDS,
    MaskFormat.TRAINIDS,
    MaskFormat.COLOR,
    MaskFormat.OVERLAY,
    MaskFormat.RLE,
    MaskFormat.POLYGONS,
    MaskFormat.NPZ,
)
"""Forms that the program writes as files beside each other, one for each photo."""

DocumentFormat = Literal[MaskFormat.COCO, MaskFormat.LABELSTUDIO, MaskFormat.CVAT]
"""Forms that hold any number of images, and so a whole job, in one document."""
