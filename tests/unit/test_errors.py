import re

import pytest

from roadmask import errors
from roadmask.errors import RoadmaskError, error_classes
from roadmask.images import check_image_id


def test_codes_are_unique_and_every_class_is_in_the_drawing() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, RoadmaskError)
    ]
    assert len(error_classes()) == len(classes)
    for cls in classes:
        assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or ""), cls.__name__


def test_a_problem_holds_what_rfc_9457_asks_for_and_what_we_add() -> None:
    problem = errors.ImageNotFound("No image x. Upload it first.", missing=["x"]).problem()
    assert problem == {
        "type": "urn:roadmask:error:image_not_found",
        "title": "No such image",
        "status": 404,
        "code": "image_not_found",
        "detail": "No image x. Upload it first.",
        "retryable": False,
        "missing": ["x"],
    }


@pytest.mark.parametrize(
    "good", ["camvid/val/0016E5_07959", "a", "sha256-" + "0" * 64, "x/.y".replace(".", "_")]
)
def test_ids(good: str) -> None:
    assert check_image_id(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a..b",
        "a\0",
        "a\n",
        "é",
        "a b",
        "x" * 600,
        "a/" * 9 + "b",
    ],
)
def test_what_is_no_id(bad: str) -> None:
    with pytest.raises(errors.InvalidId, match="is not an image id"):
        check_image_id(bad)
