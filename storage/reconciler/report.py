"""What the reconciler has done, as its leaders count it in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from roadmask.errors import ReconcilerStalled
from storage.jobs.keys import RECONCILED
from storage.redis_text import count, mapping, now_ms

LEAST_STALL_S = 30.0
"""Time without a round of the reconciler that counts as a stall at least, seconds."""


@dataclass(frozen=True, slots=True)
class ReconcilerReport:
    """The reconciler's rounds so far, in all processes."""

    age_s: float | None
    """Seconds since the last round; None before the first one."""
    error: str
    """What failed in the last round; empty if nothing did."""
    rounds: int
    repairs: dict[str, int]
    """Number of repairs by kind, the fields of `Repairs`."""

    def problem(self, reconcile_s: float) -> ReconcilerStalled | None:
        """Why crashes are not repaired; None while there is a round about every `reconcile_s`.

        A round that fails in part, at one damaged record for example, is a round.
        """
        if self.age_s is not None and self.age_s <= max(10 * reconcile_s, LEAST_STALL_S):
            return None
        since = "yet" if self.age_s is None else f"for {self.age_s:.0f} s"
        why = f"The last one failed: {self.error}" if self.error else "Check the workers' logs."
        return ReconcilerStalled(f"The reconciler has done no round {since}. {why}")


def read_report(redis: Redis) -> ReconcilerReport:
    """Read the report. Raises what redis-py raises."""
    stored = redis.hgetall(RECONCILED)
    fields = mapping(stored, errors="replace")
    last_ms, error, rounds = (fields.pop(name, "") for name in ("last_ms", "error", "rounds"))
    return ReconcilerReport(
        age_s=max(0.0, (now_ms(redis) - count(last_ms)) / 1000) if last_ms else None,
        error=error,
        rounds=count(rounds),
        repairs={kind: count(repairs) for kind, repairs in fields.items()},
    )
