"""Two members of one object with one name are found, and nothing else is judged."""

from __future__ import annotations

import pytest

from roadmask.json_members import check_members


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '[[{"b": [{"a": 1.5, "b": null, "a": {}}]}]]',
        '{"a": 1, "\\u0061": 1}',
    ],
)
def test_a_repeated_name_is_found(text: str) -> None:
    with pytest.raises(ValueError, match="'a' twice"):
        check_members(text)


@pytest.mark.parametrize(
    "text",
    ['[{"a": {"a": 1}}, {"a": 1}]', '"a"', "1" * 5000, "[1e999, -0, NaN]", '{"a": "a\tb"}'],
)
def test_other_json_passes(text: str) -> None:
    check_members(text)


def test_the_name_is_safe_to_show() -> None:
    with pytest.raises(ValueError, match="\N{REPLACEMENT CHARACTER}b' twice"):
        check_members('{"\x1bb": 1, "\x1bb": 1}')
