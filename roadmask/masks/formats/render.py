"""Rendering: one mask in one format, or many in one document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator

import numpy as np

from roadmask.images.decoding import encode_png
from roadmask.masks.codec import colorize, encode_mask
from roadmask.masks.formats.coco import coco_dataset, encode_rle
from roadmask.masks.formats.cvat import cvat_annotations
from roadmask.masks.formats.label_studio import label_studio_tasks
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.polygons import polygons
from roadmask.masks.indexed_png import grey_png
from roadmask.masks.taxonomy import CATEGORY_TO_LABEL_ID, CATEGORY_TO_TRAIN_ID, CITYSCAPES
from roadmask.schemas.mask_formats import DocumentFormat, MaskFormat


def render(image: MaskedImage, format: MaskFormat) -> bytes:
    """The mask in a format.

    Not in `OVERLAY`, which needs the image's pixels, nor in `CONFIDENCE`, which is stored as it was
    computed.
    """
    match format:
        case MaskFormat.PNG:
            return encode_mask(image.mask)
        case MaskFormat.INDEX:
            return grey_png(image.mask)
        case MaskFormat.LABELIDS:
            return grey_png(CATEGORY_TO_LABEL_ID[image.mask])
        case MaskFormat.TRAINIDS:
            return grey_png(CATEGORY_TO_TRAIN_ID[image.mask])
        case MaskFormat.COLOR:
            return encode_png(colorize(image.mask))
        case MaskFormat.RLE:
            return json.dumps(encode_rle(image.mask)).encode()
        case MaskFormat.POLYGONS:
            return json.dumps(polygons(image)).encode()
        case MaskFormat.NPZ:
            return _npz(image)
        case MaskFormat.COCO | MaskFormat.LABELSTUDIO | MaskFormat.CVAT:
            return b"".join(document([image], format))
    raise AssertionError(f"{format} is not made from a mask alone.")


def document(images: Iterable[MaskedImage], format: DocumentFormat) -> Iterator[bytes]:
    """All images in one document, in blocks, with one image in memory at a time."""
    match format:
        case MaskFormat.COCO:
            return coco_dataset(images)
        case MaskFormat.LABELSTUDIO:
            return label_studio_tasks(images)
        case MaskFormat.CVAT:
            return cvat_annotations(images)


def _npz(image: MaskedImage) -> bytes:
    buffer = io.BytesIO()
    arrays = {
        "mask": image.mask,
        "names": np.array(CITYSCAPES.names),
        "palette": CITYSCAPES.palette[: len(CITYSCAPES)],
    }
    if image.confidence is not None:
        arrays["confidence"] = image.confidence
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
