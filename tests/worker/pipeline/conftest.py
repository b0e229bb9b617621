"""Fixtures shared by the tests of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.waiting import PATIENCE_S
from worker.pipeline.sandbox import Sandbox

PIXELS = 1_000_000
"""Pixels of the largest image."""


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(PIXELS, PATIENCE_S)
    yield sandbox
    sandbox.stop()
