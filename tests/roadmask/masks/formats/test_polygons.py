"""Outlines are exact, and simplified ones stay within what they state; Shapely reads them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry import LinearRing, shape

from roadmask.masks.formats.outlines import area, outlines
from roadmask.masks.formats.polygons import TOLERANCE, polygons
from roadmask.masks.formats.render import render
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.mask_formats import MaskFormat
from tests.roadmask.masks.formats.masks import MASKS, blobs, masked


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: str(mask.shape))
def test_unsimplified_polygons_give_every_mask_back(mask: NDArray[np.uint8]) -> None:
    painted = np.zeros(mask.shape, np.uint8)
    rows, columns = np.indices(mask.shape) + 0.5
    for feature in polygons(masked(mask), tolerance=0)["features"]:
        inside = shapely.contains_xy(shape(feature["geometry"]), columns, rows)
        assert inside.any()
        painted[inside] = feature["properties"]["index"]
    assert np.array_equal(painted, mask)


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: str(mask.shape))
def test_areas_are_the_pixels(mask: NDArray[np.uint8]) -> None:
    pixels = np.zeros(len(CITYSCAPES))
    for category, (outer, *holes) in outlines(mask, CITYSCAPES.void):
        assert area(outer) > 0
        assert all(area(hole) < 0 for hole in holes)
        pixels[category] += area(outer) + sum(map(area, holes))
    assert pixels[1:].tolist() == np.bincount(mask.ravel(), minlength=8)[1:].tolist()


def test_a_ring_around_a_hole_is_one_piece() -> None:
    mask = np.full((5, 5), 7, np.uint8)
    mask[2, 2] = 0
    [(category, rings)] = outlines(mask, CITYSCAPES.void)
    assert category == 7
    assert [area(ring) for ring in rings] == [25, -1]


def test_pixels_that_meet_at_a_corner_are_two_pieces() -> None:
    assert len(list(outlines(np.eye(2, dtype=np.uint8), CITYSCAPES.void))) == 2


def test_no_corner_is_farther_from_the_simplified_ring_than_stated() -> None:
    mask = blobs((200, 300))
    exact = [rings for _, rings in outlines(mask, CITYSCAPES.void)]
    collection = json.loads(render(masked(mask), MaskFormat.POLYGONS))
    assert collection["tolerance_px"] == TOLERANCE
    corners = simplified = 0
    for rings, feature in zip(exact, collection["features"], strict=True):
        for ring, drawn in zip(rings, feature["geometry"]["coordinates"], strict=True):
            assert drawn[0] == drawn[-1], "GeoJSON's rings are closed"
            distances = shapely.distance(LinearRing(drawn), shapely.points(ring))
            assert distances.max() <= TOLERANCE + 1e-9
            corners += len(ring)
            simplified += len(drawn) - 1
    assert simplified < corners / 3
