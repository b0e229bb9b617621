"""Checks of Schemathesis: no server error, and no answer that holds what belongs to another key."""

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


@schemathesis.check
def no_server_error(context: Any, response: Any, case: Any) -> None:
    """Fail on a server error, but for a mask that is not ready in the time that a client gives."""
    is_late = response.status_code == 504 and b'"not_in_time"' in response.content
    assert response.status_code < 500 or is_late, f"{case.method} {case.path} fails"
