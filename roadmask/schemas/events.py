"""Events of a job, as clients receive them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadmask.schemas.jobs import FINAL_STATES


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a job or one of its items."""

    id: str
    """Sent as `Last-Event-ID` to go on after a lost connection."""
    type: str
    """`item`: an item ended; `job`: the job's state changed; `ping`: a sign of life."""
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the job ended with this event."""
        return self.type == "job" and self.data.get("state") in FINAL_STATES
