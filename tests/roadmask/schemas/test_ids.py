import pytest
from pydantic import TypeAdapter, ValidationError

from roadmask.errors import InvalidId
from roadmask.schemas.ids import ImageId, check_dataset_name, check_image_id

GOOD = (
    "camvid/val/0016E5_07959",
    "a",
    "sha256-" + "0" * 64,
    "x/_y",
    "日本/東京 (2).jpg",
    "straße/übel",
    "u\u0308bel",
    "a..b",
    "-x/.y/...",
    "50% #1?&+",
    "/".join("abcdefghijklmnopqrst"),
    "🚗" * 1024,
)
BAD = {
    "": "empty",
    "/a": "empty",
    "a/": "empty",
    "a//b": "empty",
    "../a": "`..`",
    "a/../b": "`..`",
    "a/.": "`.`",
    "a\0": "control character U+0000",
    "a\n": "control character U+000A",
    "a\x1b[31m": "control character U+001B",
    "a\u2028b": "control character U+2028",
    "a\udcff": "not UTF-8",
    "x" * 1025: "1,025 characters",
}


@pytest.mark.parametrize("good", GOOD)
def test_a_valid_id_is_returned(good: str) -> None:
    assert check_image_id(good) == good
    assert TypeAdapter(ImageId).validate_python(good) == good


@pytest.mark.parametrize(("bad", "reason"), BAD.items())
def test_an_invalid_id_is_refused_with_the_reason(bad: str, reason: str) -> None:
    with pytest.raises(InvalidId, match="is not an image id") as caught:
        check_image_id(bad)
    assert reason in caught.value.detail
    with pytest.raises(ValidationError):
        TypeAdapter(ImageId).validate_python(bad)


@pytest.mark.parametrize("bad", ["a/b", "sha256-a", "..", "", "a\n"])
def test_a_dataset_has_a_name_of_one_part(bad: str) -> None:
    assert check_dataset_name("streets.2026") == "streets.2026"
    assert check_dataset_name("街 2") == "街 2"
    with pytest.raises(InvalidId, match="cannot name a dataset"):
        check_dataset_name(bad)
