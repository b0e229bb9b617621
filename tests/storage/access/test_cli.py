"""`roadmask keys` on a running service of two processes."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from redis import Redis

from storage.access.cli import _moment
from tests.harness.client.program import call_roadmask
from tests.servers.redis import RedisServer
from tests.servers.service import Api

pytestmark = pytest.mark.slow


@pytest.fixture
def env(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> dict[str, str]:
    return {
        "ROADMASK_REDIS_URL": redis_server.url,
        "ROADMASK_DATA_DIR": str(tmp_path / "data"),
        "ROADMASK_SECRET": "signs links in tests of the keys",
    }


def test_a_change_holds_for_every_process_when_the_command_ends(
    env: dict[str, str], tmp_path: Path
) -> None:
    def keys(*arguments: str) -> str:
        done = call_roadmask("keys", *arguments, cwd=tmp_path, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with ExitStack() as exits:
        processes = [exits.enter_context(Api(tmp_path / name, env)) for name in ("a", "b")]

        def statuses(key: str) -> list[int]:
            headers = {"X-API-Key": key}
            urls = [f"{process.url}/v1/taxonomy" for process in processes]
            return [httpx.get(url, headers=headers).status_code for url in urls]

        assert statuses("") == [200, 200]
        text = keys("create", "camera", "--scopes", "read", "--expires", "90d").strip()
        assert statuses("") == [401, 401]
        assert statuses(text) == [200, 200]
        [listed] = json.loads(keys("list", "--json"))
        assert (listed["name"], listed["scopes"]) == ("camera", ["read"])
        assert text not in keys("list", "--json")
        assert "camera (" in keys("revoke", "camera")
        assert statuses(text) == [401, 401]
        assert "revoked" in keys("list")
        assert "revoke_key" in keys("audit")
        log = "".join(process.log.read_text() for process in processes)
    assert "key=camera" in log or '"key": "camera"' in log
    assert text not in log


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "a", "--scopes", "write"), "submit, read, admin"),
        (("create", "a", "--quota-bytes", "many"), "number of bytes"),
        (("create", "a", "--expires", "soon"), "90d or 2027-01-31"),
        (("create", "a", "--expires", "2001-01-01"), "over already"),
        (("create", "a\x1b[31m"), "control characters"),
        (("revoke", "nobody"), "no key 'nobody'"),
    ],
)
def test_what_cannot_be_is_explained(
    env: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = call_roadmask("keys", *arguments, cwd=tmp_path, **env)
    assert done.returncode != 0
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2127-01-31", "2127-01-31T00:00+00:00"),
        ("2127-01-31T12:00", "2127-01-31T12:00+00:00"),
        ("2127-01-31T12:00+05:00", "2127-01-31T07:00+00:00"),
        ("2127-01-31T12:00Z", "2127-01-31T12:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_in_utc(text: str, moment: str) -> None:
    assert _moment(text) == datetime.fromisoformat(moment).timestamp() * 1000


def test_numbers_and_dates_of_a_key(env: dict[str, str], tmp_path: Path) -> None:
    date = datetime.fromtimestamp(time.time() + 10**7, UTC)
    limits = ("--rate", "60", "--quota-items", "5000", "--quota-bytes", "20G")
    arguments = ("create", "a", *limits, "--expires", f"{date:%Y-%m-%d}", "--json")
    made = json.loads(call_roadmask("keys", *arguments, cwd=tmp_path, **env).stdout)
    assert made["key"].startswith(f"rm_{made['id']}_")
    [key] = json.loads(call_roadmask("keys", "list", "--json", cwd=tmp_path, **env).stdout)
    assert (key["rate"], key["quota_items"], key["quota_bytes"]) == (60, 5000, 20 * 10**9)
    assert datetime.fromtimestamp(key["expires_ms"] / 1000, UTC).date() == date.date()
