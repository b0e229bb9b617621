import pytest

from roadmask.schemas.media_types import JSON, media_type, preferred_type


@pytest.mark.parametrize(
    "header", ["application/json", "Application/JSON", "application/json ; charset=utf-8"]
)
def test_case_and_parameters_do_not_count(header: str) -> None:
    assert media_type(header) == JSON


def test_a_missing_header_has_no_media_type() -> None:
    assert media_type(None) == media_type("") == ""


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("", "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("application/json", "application/json"),
        ("Application/JSON ; charset=utf-8", "application/json"),
        ("image/jpeg, application/json;q=0.9", "image/jpeg"),
        ("image/jpeg;q=0.5, application/json;q=0.9", "application/json"),
        ("image/png;q=0, */*", "application/json"),
        ("image/*;q=0.1, */*;q=0.5", "application/json"),
        ("text/html", "image/png"),
        ("text/html, */*;q=0.1", "image/png"),
        ("application/json;q=much", "image/png"),
        (",;,", "image/png"),
        ("application/json;q=7, image/png", "image/png"),
    ],
)
def test_the_type_with_the_highest_quality_of_its_closest_range(
    accept: str, preferred: str
) -> None:
    assert preferred_type(accept, ("image/png", "application/json", "image/jpeg")) == preferred
