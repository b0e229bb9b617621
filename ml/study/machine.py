"""Machine: what a run was made on and with."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from roadmask.machine import cores

PACKAGES = ("tensorflow", "keras", "albumentations", "numpy")
"""Whose versions can change what a run comes to."""


class Machine(BaseModel):
    """A processor and the versions of what ran on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str
    cores: int
    versions: dict[str, str]

    @classmethod
    def here(cls) -> Machine:
        """The one that this runs on."""
        versions = {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}}
        return cls(processor=processor_name(), cores=cores(), versions=versions)

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.processor}, {self.cores} cores; {versions}"


def processor_name() -> str:
    """The name of this machine's processor, or its architecture where Linux does not name it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
