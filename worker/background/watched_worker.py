"""The facts about a worker that its watchdog process needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from roadmask.settings import LogFormat, Settings

MIN_SILENCE_S = 10.0
"""Shortest allowed silence, because a worker on a busy machine may be silent for some seconds."""


@dataclass(frozen=True)
class WatchedWorker:
    """A worker, as the worker describes itself to its watchdog process."""

    worker_id: str
    pid: int
    redis_url: str
    lease_s: float
    item_deadline_s: float
    log_format: LogFormat

    @classmethod
    def of(cls, worker_id: str, settings: Settings) -> Self:
        """Describe this process."""
        return cls(
            worker_id,
            os.getpid(),
            settings.redis_url,
            settings.lease_s,
            settings.item_deadline_s,
            settings.log_format,
        )

    @property
    def silence_s(self) -> float:
        """Seconds without a heartbeat after which the worker is killed; its leases last longer."""
        return max(self.lease_s / 2, MIN_SILENCE_S)
