"""Event: something that happened to a job, as it is told to those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadmask.jobs import FINAL_STATES


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    id: str
    """Where to go on from after a lost connection."""
    type: str
    """`item`: an item ended; `job`: the job's state changed; `ping`: nothing, for a while."""
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the job ended with this."""
        return self.type == "job" and self.data.get("state") in FINAL_STATES
