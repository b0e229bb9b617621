"""Every case of known value is read right, or refused by its own name."""

from pathlib import Path

import pytest

from tests.harness.images.cases import cases, fault, table

DOCS = Path(__file__).parents[3] / "docs" / "image-formats.md"


@pytest.mark.parametrize("name", cases())
def test_the_case_is_read_right_or_refused_rightly(name: str) -> None:
    assert fault(name) == ""


def test_the_table_of_the_documentation_is_that_of_the_cases() -> None:
    assert table() in DOCS.read_text()
