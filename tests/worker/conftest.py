"""Fixtures of several tests of the worker."""

from __future__ import annotations

import pytest

from tests.worker.gates import Gate


@pytest.fixture
def gate() -> Gate:
    return Gate()
