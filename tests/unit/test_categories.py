import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels

from roadmask.camvid import colors_to_categories
from roadmask.categories import CITYSCAPES, LABEL_ID_TO_CATEGORY, TRAIN_ID_TO_CATEGORY
from roadmask.errors import UnknownCategory


def test_the_maps_are_those_of_cityscapes() -> None:
    for label in labels:
        if label.id >= 0:
            assert LABEL_ID_TO_CATEGORY[label.id] == label.categoryId, label.name
        if 0 <= label.trainId < 255:
            assert TRAIN_ID_TO_CATEGORY[label.trainId] == label.categoryId, label.name
    assert LABEL_ID_TO_CATEGORY[255] == TRAIN_ID_TO_CATEGORY[255] == CITYSCAPES.void


def test_the_names_and_order_are_those_of_cityscapes() -> None:
    expected = dict(sorted({label.categoryId: label.category for label in labels}.items()))
    assert CITYSCAPES.names == tuple(expected.values())


@pytest.mark.parametrize("name", ["road", "sky", "car", "person", "building", "vegetation"])
def test_colours_are_cityscapes_own_where_one_class_stands_for_the_category(name: str) -> None:
    label = next(label for label in labels if label.name == name)
    assert CITYSCAPES.categories[label.categoryId].color == label.color


def test_an_unknown_category_names_the_choices() -> None:
    with pytest.raises(UnknownCategory, match="void, flat, construction"):
        CITYSCAPES.index("road")


def test_camvid_colours_become_categories_and_unknown_ones_void() -> None:
    colors = [(128, 64, 128), (128, 0, 0), (192, 192, 128), (128, 128, 0), (128, 128, 128)]
    colors += [(0, 128, 192), (64, 0, 128), (0, 0, 0), (1, 2, 3)]
    row = np.array([colors], np.uint8)
    assert colors_to_categories(row).tolist() == [[1, 2, 3, 4, 5, 6, 7, 0, 0]]
