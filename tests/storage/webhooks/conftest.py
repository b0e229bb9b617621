from __future__ import annotations

from tests.worker.conftest import service

__all__ = ["service"]
