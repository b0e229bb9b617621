"""What a service occupies: memory of its processes and of Redis, and files of the store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from storage.backends import StorageBackends
from tests.faults.service import FaultyService


@dataclass(frozen=True)
class Footprint:
    """Sizes at one moment."""

    api_mb: float
    workers_mb: float
    """Of the largest one."""
    redis_mb: float
    redis_keys: int
    drafts: int
    """Files of the local store that are not finished."""
    orphans: int
    """Objects that nothing refers to."""

    @classmethod
    def of(cls, service: FaultyService) -> Self:
        """Measure a service whose processes run."""
        with service.redis() as redis:
            memory: dict[str, Any] = redis.info("memory")
            keys: Any = redis.dbsize()
        with closing(StorageBackends.open(service.settings())) as storage:
            orphans = storage.garbage.collect(0, dry_run=True)
        incoming = service.folder / "data" / "objects" / "~incoming"
        return cls(
            api_mb=_resident_mb(service.api.pid),
            workers_mb=max(_resident_mb(worker.pid) for worker in service.workers),
            redis_mb=memory["used_memory"] / 2**20,
            redis_keys=keys,
            drafts=len(list(incoming.glob(".*"))),
            orphans=sum(orphans.values()),
        )

    def __str__(self) -> str:
        return (
            f"API {self.api_mb:.0f} MB, worker {self.workers_mb:.0f} MB, Redis "
            f"{self.redis_mb:.1f} MB with {self.redis_keys} keys, {self.drafts} drafts and "
            f"{self.orphans} orphans in the store"
        )


def _resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 if it has just been killed."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * 4096 / 2**20
