"""A check of Schemathesis: no answer holds what belongs to another key."""

from __future__ import annotations

from typing import Any

import schemathesis

MARK = "belongs-to-another"
"""Part of every name that the owner gives: no other key's request has it."""


@schemathesis.check
def nothing_of_another_key(context: Any, response: Any, case: Any) -> None:
    """Fail on an answer with the mark."""
    is_foreign = MARK.encode() in response.content
    assert not is_foreign, f"{case.method} {case.path} answers with another key's data"
