"""Polygons: the outlines of a mask as GeoJSON (RFC 7946), in pixels instead of degrees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.outlines import Ring, outlines
from roadmask.masks.taxonomy import CITYSCAPES

TOLERANCE = 1.0
"""Greatest distance of a removed corner from the line drawn instead, pixels."""


def polygons(image: MaskedImage, tolerance: float = TOLERANCE) -> dict[str, Any]:
    """A feature collection with one polygon for each connected piece, without void.

    Coordinates are (x, y) in pixels from the image's upper left corner. Each polygon is simplified
    alone, so neighbours can have gaps or overlaps of up to twice the `tolerance` (pixels).
    """
    width, height = image.size
    return {
        "type": "FeatureCollection",
        "image": {"id": image.image_id, "width": width, "height": height},
        "tolerance_px": tolerance,
        "features": [
            {
                "type": "Feature",
                "properties": {"category": CITYSCAPES.names[index], "index": index},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [_closed(simplify(ring, tolerance)) for ring in rings],
                },
            }
            for index, rings in outlines(image.mask, CITYSCAPES.void)
        ],
    }


def simplify(ring: Ring, tolerance: float) -> Ring:
    """Fewer corners of the same ring (Douglas and Peucker, 1973).

    A ring that would lose its area keeps all its corners. OpenCV's `approxPolyDP` then removes
    more corners, and exceeds the tolerance by a quarter and more.
    """
    line = np.concatenate((ring, ring[:1])).astype(np.float64)
    farthest = int(np.argmax(np.hypot(*(line - line[0]).T)))
    keep = np.zeros(len(line), bool)
    keep[[0, farthest]] = True
    segments = [(0, farthest), (farthest, len(ring))]
    while segments:
        first, last = segments.pop()
        if last - first < 2:
            continue
        distances = _distances(line[first + 1 : last], line[first], line[last])
        middle = first + 1 + int(np.argmax(distances))
        if distances[middle - first - 1] > tolerance:
            keep[middle] = True
            segments += [(first, middle), (middle, last)]
    return ring[keep[:-1]] if keep.sum() > 2 else ring


def _distances(
    points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of each point (N, 2) from the segment between two others."""
    along, offsets = end - start, points - start
    # Corners are whole numbers: less than 1 means that both ends are the same corner.
    share = np.clip(offsets @ along / max(float(along @ along), 1.0), 0, 1)
    distances: NDArray[np.float64] = np.hypot(*(offsets - share[:, None] * along).T)
    return distances


def _closed(ring: Ring) -> list[list[int]]:
    """GeoJSON repeats the first corner at the end."""
    closed: list[list[int]] = np.concatenate((ring, ring[:1])).tolist()
    return closed
