"""The Lua scripts: they get the names of keys from Python, and Python knows all of them."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from roadmask.schemas.jobs import ItemState
from storage.jobs import item_bytes
from storage.jobs.keys import KEPT_PARTS, RESULTS, UNSEALED, WORK_PARTS, job_key
from storage.jobs.lua.source import SHARED
from storage.jobs.scripts import NAMES
from tests.harness.storage.records_harness import RecordsHarness

FILES = {
    file.name.removesuffix(".lua"): file.read_text()
    for file in files("storage.jobs.lua").iterdir()
    if file.name.endswith(".lua")
}


def test_every_script_has_a_function() -> None:
    assert sorted([*NAMES, *SHARED]) == sorted(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_script_spells_the_name_of_a_key(name: str) -> None:
    code = re.sub(r"--.*", "", FILES[name])
    literals = set(re.findall(r"'([^']*)'", code))
    parts = {*KEPT_PARTS, *WORK_PARTS, RESULTS, UNSEALED} - {""}
    assert not literals & parts
    assert not [literal for literal in literals if literal.startswith("rm:")]


def test_every_key_of_a_job_is_a_known_part(harness: RecordsHarness) -> None:
    job_id = harness.accept(48, webhook="https://example.com/hook")
    released, held = harness.begin(job_id), harness.begin(job_id)
    harness.succeed(released, released.items[0].index)
    harness.leases.release(released)
    keys = set(harness.keys(job_id))
    harness.leases.release(held)
    harness.work(job_id)
    keys.update(harness.keys(job_id))
    parts = {key.removeprefix(job_key(job_id)) for key in keys}
    known = {*KEPT_PARTS, *WORK_PARTS, UNSEALED, f"{RESULTS}{released.chunk}"}
    assert parts == known


@pytest.mark.parametrize("attempts", range(item_bytes.MAX_ATTEMPTS + 1))
@pytest.mark.parametrize("state", item_bytes.STATES)
def test_lua_sees_the_states_that_python_sees(
    harness: RecordsHarness, state: ItemState, attempts: int
) -> None:
    byte = bytes([attempts << 4 | item_bytes.STATES.index(state)])
    script = item_bytes.lua_patterns() + (
        "return { string.find(ARGV[1], UNFINISHED) and 1 or 0,"
        " string.find(ARGV[1], NOT_SUCCEEDED) and 1 or 0 }"
    )
    assert harness.redis.eval(script, 0, byte) == [
        int(not item_bytes.is_final(byte[0])),
        int(state is not ItemState.SUCCEEDED),
    ]
