"""The Lua scripts that change job records: each one is atomic, and runs where the records are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from redis import Redis

from storage.job_keys import job_key

NAMES = (
    "begin",
    "cancel",
    "claim",
    "commit",
    "create",
    "finish",
    "keep_delivery",
    "release",
    "renew",
    "restore",
    "retry",
    "seal",
    "status",
    "take_delivery",
    "tend",
)


@cache
def source(name: str) -> str:
    """The text of a script, what all of them share before it."""
    folder = files("storage") / "lua"
    return (folder / "record.lua").read_text() + (folder / f"{name}.lua").read_text()


class Scripts:
    """The scripts, ready to run on one Redis. They are sent again where it has forgotten them."""

    def __init__(self, redis: Redis) -> None:
        self._scripts: dict[str, Callable[..., Any]] = {
            name: redis.register_script(source(name)) for name in NAMES
        }

    def run(self, name: str, job_id: str, *args: Any, client: Any = None) -> Any:
        """The answer of a script about one job; with a pipeline as `client` it comes later."""
        return self._scripts[name](keys=[job_key(job_id)], args=args, client=client)
