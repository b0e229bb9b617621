"""A function for CVAT's automatic annotation: the masks come from a Roadmask service.

    pip install . cvat-cli "cvat-sdk[masks]"
    cvat-cli --server-host https://cvat.example.com task auto-annotate TASK \\
      --function-file deploy/cvat_function.py -p url=str:http://127.0.0.1:8000 \\
      --allow-unmatched-labels

Each category for which the task has a label becomes one mask, or polygons if CVAT requests
them. Labels are matched by name: flat, construction, object, nature, sky, human, vehicle.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import cvat_sdk.auto_annotation as cvataa
import numpy as np
from cvat_sdk.masks import encode_mask
from numpy.typing import NDArray
from PIL import Image

from roadmask import CITYSCAPES, Client
from roadmask.errors import RoadmaskError
from roadmask.masks.codec import decode_mask

CATEGORIES = [category for category in CITYSCAPES.categories if category.index != CITYSCAPES.void]


class Segmenter:
    """Requests the mask of each frame from a Roadmask service."""

    spec = cvataa.DetectionFunctionSpec(
        labels=[
            cvataa.label_spec(category.name, category.index, type="mask") for category in CATEGORIES
        ]
    )

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: Image.Image
    ) -> list[cvataa.DetectionAnnotation]:
        """Return one mask, or several polygons, for each category in the frame.

        Pixels with less confidence than `conf_threshold` are left out. Raises the errors of
        `roadmask.errors`.
        """
        file = io.BytesIO()
        image.convert("RGB").save(file, "PNG", compress_level=1)
        frame, threshold = file.getvalue(), context.conf_threshold
        # Before the mask: its job stores the mask too, so there is no second inference.
        confidence = self._confidence(frame) if threshold is not None else None
        mask, _ = self._client.segment(frame, model=self._model)
        if confidence is not None:
            mask = np.where(confidence < threshold, CITYSCAPES.void, mask)
        found: list[cvataa.DetectionAnnotation] = []
        for category in CATEGORIES:
            pixels = mask == category.index
            if context.conv_mask_to_poly:
                found += [cvataa.polygon(category.index, points) for points in _polygons(pixels)]
            elif pixels.any():
                found.append(cvataa.mask(category.index, encode_mask(pixels)))
        return found

    def _confidence(self, frame: bytes) -> NDArray[np.float64]:
        """Return the model's confidence of each pixel, 0 to 1."""
        job = self._client.submit(files=[frame], model=self._model, confidence=True)
        self._client.wait(job)
        return decode_mask(self._client.rendering(job, 0, "confidence")) / 255


def create(url: str | None = None, api_key: str | None = None, model: str = "default") -> Segmenter:
    """Make the function from the parameters of `-p`; CVAT calls this.

    `url` and `api_key` default to `ROADMASK_URL` and `ROADMASK_API_KEY`. Raises the error of a
    wrong address, key or model here, before CVAT loads the frames of the task.
    """
    client = Client(url, api_key)
    try:
        client.artifact(model)
    except RoadmaskError:
        client.close()
        raise
    return Segmenter(client, model)


def _polygons(pixels: NDArray[np.bool_]) -> Iterator[list[float]]:
    """Yield the outer border of each piece as x, y, x, y…; CVAT's polygons have no holes."""
    import cv2

    borders, _ = cv2.findContours(
        pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    for border in borders:
        if len(border) >= 3:
            yield border.astype(float).ravel().tolist()
