"""What the watchdog process must know of its worker."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from roadmask.settings import LogFormat, Settings

MIN_SILENCE_S = 10.0
"""A worker on a busy machine may be silent for some seconds."""


@dataclass(frozen=True)
class WatchedWorker:
    """A worker, as its watchdog process is told of it."""

    worker_id: str
    pid: int
    redis_url: str
    lease_s: float
    item_deadline_s: float
    log_format: LogFormat

    @classmethod
    def of(cls, worker_id: str, settings: Settings) -> Self:
        """This process."""
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
        """After this time without a heartbeat the worker is killed: before its leases expire."""
        return max(self.lease_s / 2, MIN_SILENCE_S)
