"""Addresses at which a machine reaches its own service."""

from __future__ import annotations

import pytest

from roadmask.local.ports import reachable


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("192.0.2.2", "192.0.2.2"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("fd00::2", "[fd00::2]"),
        ("gpu-box", "gpu-box"),
    ],
)
def test_a_service_is_called_where_it_listens(host: str, reached: str) -> None:
    assert reachable(host) == reached
