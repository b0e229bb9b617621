"""The text of the Lua scripts, with the names of keys and the states that Python and Lua share."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from roadmask.schemas.jobs import COMPLETE_STATES, FINAL_STATES, Lane
from storage.jobs.item_bytes import lua_patterns
from storage.jobs.keys import (
    ACCEPTING,
    CONFUSION,
    DATASET_JOBS,
    DELIVERIES,
    DUE_DELIVERIES,
    EVENTS,
    FINALIZING,
    FLIGHT,
    ITEMS,
    JOB,
    JOBS,
    KEPT_PARTS,
    LEASES,
    OPEN,
    RATE,
    REDO,
    RESULTS,
    TOKENS,
    UNSEALED,
    WAITING,
    WORK_PARTS,
)
from storage.queue import PREFIX

SHARED = ("job_record", "job_status")
"""Files with the functions that all scripts share."""

_LUA_NAMES = {
    "JOB": JOB,
    "JOBS": JOBS,
    "OPEN": OPEN,
    "WAITING": WAITING,
    "QUEUE": PREFIX,
    "RATE": RATE,
    "ACCEPTING": ACCEPTING,
    "DATASET_JOBS": DATASET_JOBS,
    "FINALIZING": FINALIZING,
    "DUE_DELIVERIES": DUE_DELIVERIES,
    "FLIGHT": FLIGHT,
    "ITEMS": ITEMS,
    "CONFUSION": CONFUSION,
    "EVENTS": EVENTS,
    "DELIVERIES": DELIVERIES,
    "RESULTS": RESULTS,
    "UNSEALED": UNSEALED,
    "LEASES": LEASES,
    "TOKENS": TOKENS,
    "REDO": REDO,
}
_LUA_LISTS = {
    "KEPT_PARTS": KEPT_PARTS,
    "WORK_PARTS": WORK_PARTS,
    "LANES": tuple(Lane),
    "FINAL_STATES": tuple(sorted(FINAL_STATES)),
    "COMPLETE_STATES": tuple(sorted(COMPLETE_STATES)),
}


@cache
def source(name: str) -> str:
    """Return the text of a script, after the constants and functions that all scripts share."""
    folder = files("storage.jobs.lua")
    parts = ((folder / f"{part}.lua").read_text() for part in (*SHARED, name))
    return _constants() + lua_patterns() + "".join(parts)


def _constants() -> str:
    """The names of keys and the states of jobs, as Lua constants."""
    names = [f"local {name} = '{value}'\n" for name, value in _LUA_NAMES.items()]
    lists = [
        f"local {name} = {{ {', '.join(map(repr, map(str, values)))} }}\n"
        for name, values in _LUA_LISTS.items()
    ]
    return "".join(names + lists)
