from __future__ import annotations

import pytest

from roadmask.folder.selection import Selection

NAMES = ["a/b/1.jpg", "a/2.png", "cam1/3.jpg", "cam10/4.jpg", "5.jpg"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), NAMES),
        (Selection(include=("*.png",)), ["a/2.png"]),
        (Selection(include=("cam1",)), ["cam1/3.jpg"]),
        (Selection(include=("a/", "5.*")), ["a/b/1.jpg", "a/2.png", "5.jpg"]),
        (Selection(exclude=("a/b", "cam*")), ["a/2.png", "5.jpg"]),
        (Selection(include=("*.jpg",), exclude=("cam*",), limit=1), ["a/b/1.jpg"]),
        (Selection(include=("[12].*",)), ["a/b/1.jpg", "a/2.png"]),
    ],
)
def test_names_are_selected_by_path_file_or_folder(
    selection: Selection, expected: list[str]
) -> None:
    assert selection.of(NAMES) == expected
