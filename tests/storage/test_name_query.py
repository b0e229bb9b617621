"""Words of a name are found in any order, and parts around a star in theirs."""

from __future__ import annotations

import pytest

from storage.name_query import name_matcher


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("", True),
        ("frame 0999", True),
        ("0999 cam1", True),
        ("CAM1*0999*", True),
        ("*frame*", True),
        ("0999*cam1", False),
        ("frame cam2", False),
        ("a" * 50 + "*" * 100, False),
    ],
)
def test_a_name_is_found(query: str, matches: bool) -> None:
    assert name_matcher(query)("drive/Cam1_frame_00999") is matches
