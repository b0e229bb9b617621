"""Statistics of the reconciler, which its leaders keep in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from roadmask.errors import ReconcilerStalled
from storage.jobs.keys import RECONCILED
from storage.redis_text import count, mapping, now_ms

LEAST_STALL_S = 30.0
"""Shortest time without a round of the reconciler that counts as a stall, seconds."""


@dataclass(frozen=True, slots=True)
class ReconcilerReport:
    """Statistics of all rounds of the reconciler, in all processes."""

    age_s: float | None
    """Seconds since the last round; None before the first one."""
    error: str
    """Errors of the last round; empty if it had none."""
    rounds: int
    repairs: dict[str, int]
    """Number of repairs by kind, the fields of `Repairs`."""

    def problem(self, reconcile_s: float) -> ReconcilerStalled | None:
        """Why crashes are not repaired; None if the last round is recent enough.

        A round counts even if a part of it failed, at one damaged record for example.
        """
        if self.age_s is not None and self.age_s <= max(10 * reconcile_s, LEAST_STALL_S):
            return None
        since = "yet" if self.age_s is None else f"for {self.age_s:.0f} s"
        why = f"The last one failed: {self.error}" if self.error else "Check the workers' logs."
        return ReconcilerStalled(f"The reconciler has done no round {since}. {why}")


def read_report(redis: Redis) -> ReconcilerReport:
    """Read the report. Raises the errors of redis-py."""
    stored = redis.hgetall(RECONCILED)
    fields = mapping(stored, errors="replace")
    last_ms, error, rounds = (fields.pop(name, "") for name in ("last_ms", "error", "rounds"))
    return ReconcilerReport(
        age_s=max(0.0, (now_ms(redis) - count(last_ms)) / 1000) if last_ms else None,
        error=error,
        rounds=count(rounds),
        repairs={kind: count(repairs) for kind, repairs in fields.items()},
    )
