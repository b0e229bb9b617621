import pytest
from cityscapesscripts.helpers.labels import labels

from roadmask.errors import UnknownCategory
from roadmask.masks.taxonomy import CITYSCAPES


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
