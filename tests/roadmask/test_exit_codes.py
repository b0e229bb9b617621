"""Exit codes: which errors ask for another command."""

from __future__ import annotations

import pytest

from roadmask import errors
from roadmask.exit_codes import Exit, exit_code


@pytest.mark.parametrize(
    "error",
    [errors.Unauthorized, errors.InsufficientScope, errors.DatasetTaken, errors.JobNotFound],
)
def test_what_needs_another_key_or_name_is_wrong_use(error: type[errors.RoadmaskError]) -> None:
    assert exit_code(error("The key may not do this.")) is Exit.USAGE


def test_what_may_work_later_is_a_failure() -> None:
    assert exit_code(errors.StoreUnavailable("The store is away.")) is Exit.FAILURES
    assert exit_code(errors.ServiceUnreachable("It does not answer.")) is Exit.UNREACHABLE
