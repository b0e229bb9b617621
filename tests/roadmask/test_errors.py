import re

from roadmask import errors
from roadmask.errors import RoadmaskError, error_classes


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
