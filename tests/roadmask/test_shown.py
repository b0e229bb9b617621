"""Text of strangers is shown in one line, without what a terminal would obey."""

from __future__ import annotations

import re
import sys

import pytest

from roadmask.shown import UNSHOWN, shown


@pytest.mark.parametrize("text", ["", "Straße 5", "夜", "[red]a[/]", "👩\u200d🔧", "a\xa0b"])
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_no_control_character_is_left() -> None:
    found = shown("".join(map(chr, range(sys.maxunicode + 1))))
    assert not re.search(f"[{UNSHOWN}]", found)
    assert len(found.splitlines()) == 1
    found.encode()
