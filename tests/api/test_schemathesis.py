"""Schemathesis: requests made from the OpenAPI document, with keys of each scope.

More examples: `python -m tests.api.test_schemathesis URL KEY` runs all phases on a running service.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    status_code_conformance,
)

from storage.access.api_key import Scope
from tests.harness.api.callers import Callers
from tests.harness.api.server import ApiServer

SCOPES = (Scope.READ, Scope.SUBMIT, Scope.ADMIN)
EXAMPLES = 2
"""Of each operation; each is sent with a key of each scope."""
WAITING = {"/rest/", "/readyz"}
"""Paths whose answer depends on a worker."""
WAITS = "/v1/segment"
"""Waits for a worker unless it is asked not to."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_requests_made_from_the_document(callers: Callers, api: ApiServer) -> None:
    keys = {scope: callers.client(scope, (scope,)).headers["X-API-Key"] for scope in SCOPES}
    schema = schemathesis.openapi.from_dict(api.app.openapi())
    quick = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if operation.path in WAITING:
            continue

        @seed(1)
        @quick
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            if case.path == WAITS:
                case.query = {**(case.query or {}), "wait": 0}
            for scope, key in keys.items():
                response = case.call(base_url=api.url, headers={"X-API-Key": key}, timeout=10)
                try:
                    case.validate_response(response, checks=CHECKS)
                except FailureGroup as error:
                    error.add_note(f"with a key of the scope {scope}")
                    raise

        check()


if __name__ == "__main__":
    url, key = sys.argv[1:3]
    program = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    sys.exit(subprocess.call([*program, "-H", f"X-API-Key: {key}", "--max-examples", "40"]))
