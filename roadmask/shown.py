"""Untrusted text, made safe to show: names, ids and error texts in a terminal, a log or a file.

A control character can clear a terminal, rename its window or end a line of a log; a character that
changes the direction of writing can make a name look like another one.
"""

from __future__ import annotations

import re

UNSHOWN = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""Characters that are never shown, as the inside of a character class: controls, separators of
lines, and marks of direction."""
_UNSHOWN = re.compile(f"[{UNSHOWN}\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def shown(text: object) -> str:
    """The text in one line, with a replacement character for each that is never shown."""
    return _UNSHOWN.sub(REPLACEMENT, str(text))
