"""Rendering: a masked image in one form, or many in one document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator

import numpy as np

from roadmask.categories import CATEGORY_TO_LABEL_ID, CATEGORY_TO_TRAIN_ID, CITYSCAPES
from roadmask.formats.coco import coco_dataset, encode_rle
from roadmask.formats.cvat import cvat_annotations
from roadmask.formats.label_studio import label_studio_tasks
from roadmask.formats.masked_image import MaskedImage
from roadmask.formats.polygons import polygons
from roadmask.mask_formats import DocumentFormat, MaskFormat
from roadmask.masks import colorize, encode_grey, encode_mask
from roadmask.pixels import encode_png


def render(image: MaskedImage, form: MaskFormat) -> bytes:
    """The mask in this form.

    All but `OVERLAY`, which is drawn where the image's pixels are, and `CONFIDENCE`, which is kept
    as it was computed.
    """
    match form:
        case MaskFormat.PNG:
            return encode_mask(image.mask)
        case MaskFormat.LABELIDS:
            return encode_grey(CATEGORY_TO_LABEL_ID[image.mask])
        case MaskFormat.TRAINIDS:
            return encode_grey(CATEGORY_TO_TRAIN_ID[image.mask])
        case MaskFormat.COLOR:
            return encode_png(colorize(image.mask))
        case MaskFormat.RLE:
            return json.dumps(encode_rle(image.mask)).encode()
        case MaskFormat.POLYGONS:
            return json.dumps(polygons(image)).encode()
        case MaskFormat.NPZ:
            return _npz(image)
        case MaskFormat.COCO | MaskFormat.LABELSTUDIO | MaskFormat.CVAT:
            return b"".join(document([image], form))
    raise AssertionError(f"{form} is not made from a mask.")


def document(images: Iterable[MaskedImage], form: DocumentFormat) -> Iterator[bytes]:
    """All images in one document, in blocks; one image at a time is in memory."""
    match form:
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
