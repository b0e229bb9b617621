import pytest

from roadmask.schemas.model_version import ModelVersion, is_model_name


def test_a_version_is_parsed_from_name_and_version_alone() -> None:
    assert ModelVersion.parse("a@1") == ModelVersion("a", "1")
    for text in ("a", "a@", "@1", "a@1@2", "a/b@1", "a b@1", "../a@1"):
        assert ModelVersion.parse(text) is None


def test_a_version_is_written_as_it_is_parsed() -> None:
    assert ModelVersion.parse(str(ModelVersion("unet", "0f1e"))) == ModelVersion("unet", "0f1e")


@pytest.mark.parametrize("text", ["unet", "0f1e", "unet@0f1e"])
def test_a_version_matches_its_name_its_version_and_both(text: str) -> None:
    assert is_model_name(text)
    assert ModelVersion("unet", "0f1e").matches(text)
    assert not ModelVersion("lite", "aaaa").matches(text)


@pytest.mark.parametrize("text", ["", "a/b", "a@", "/etc", "a b", "@"])
def test_other_texts_name_no_model(text: str) -> None:
    assert not is_model_name(text)
