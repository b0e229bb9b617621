"""Keys outlive an emptied Redis, their text is kept nowhere, and a revocation is never undone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from redis import Redis

from roadmask.errors import Conflict, NotFound
from storage.access import api_keys
from storage.access.api_key import KEY, ApiKey, Scope
from storage.access.api_keys import REVISION, ApiKeys
from storage.objects.local import LocalStore


@pytest.fixture
def keys(redis: Redis, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> ApiKeys:
    monkeypatch.setattr(api_keys, "CHECK_S", 0)
    return ApiKeys(redis, store)


def test_a_key_is_a_record_without_its_text(keys: ApiKeys, store: LocalStore) -> None:
    key, text = keys.create("camera", [Scope.SUBMIT, Scope.READ], rate=60, quota_bytes=10**9)
    assert KEY.fullmatch(text)
    assert key.opens_with(text)
    assert not key.opens_with(text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert keys.list() == [key]
    stored = b"".join(store.get(name) for name in store.keys("keys/"))
    assert text.encode() not in stored
    assert text.rpartition("_")[2].encode() not in stored


def test_keys_outlive_redis(keys: ApiKeys, redis: Redis) -> None:
    first, _ = keys.create("first", [Scope.READ])
    second, _ = keys.create("second", [Scope.ADMIN])
    keys.revoke("first")
    redis.flushall()
    found = keys.list()
    assert [key.id for key in found] == [first.id, second.id]
    assert found[0].revoked_ms is not None
    assert found[1].revoked_ms is None


def test_each_change_has_its_revision(keys: ApiKeys, redis: Redis) -> None:
    revisions = {redis.get(REVISION)}
    keys.create("a", [Scope.READ])
    revisions.add(redis.get(REVISION))
    keys.revoke("a")
    revisions.add(redis.get(REVISION))
    assert len(revisions) == 3


def test_a_name_is_free_again_after_its_revocation(keys: ApiKeys) -> None:
    keys.create("a", [Scope.READ])
    with pytest.raises(Conflict, match="'a'"):
        keys.create("a", [Scope.READ])
    keys.revoke("a")
    keys.create("a", [Scope.READ])
    with pytest.raises(NotFound, match="'b'"):
        keys.revoke("b")


def test_a_record_of_a_later_version_is_read() -> None:
    key = ApiKey("0" * 12, "a", "0" * 64, (Scope.READ,), 1)
    later = key.to_json().replace(b"{", b'{"later": 1, ', 1)
    assert ApiKey.from_json("0" * 12, later) == key


def test_the_scanner_pattern_of_the_docs_finds_keys(keys: ApiKeys) -> None:
    page = (Path(__file__).parents[3] / "docs/security.md").read_text()
    pattern = re.search(r"`(rm_\[0-9a-f\][^`]+)`", page)
    assert pattern
    assert re.fullmatch(pattern[1], keys.create("a", [Scope.READ])[1])


def changed(key: ApiKey, **fields: object) -> bytes:
    return json.dumps(json.loads(key.to_json()) | fields).encode()


@pytest.mark.parametrize("damaged", [b"", b"[]", b'{"id": "x"}', b'{"scopes": ["all"]}'])
def test_a_damaged_key_opens_nothing_and_takes_no_other_key_with_it(
    keys: ApiKeys, store: LocalStore, damaged: bytes
) -> None:
    first, text = keys.create("first", [Scope.ADMIN])
    second, _ = keys.create("second", [Scope.READ])
    store.put(f"keys/{first.id}.json", damaged, "application/json")
    lost, kept = keys.list()
    assert (lost.id, lost.scopes, lost.opens_with(text)) == (first.id, (), False)
    assert kept == second


@pytest.mark.parametrize(
    "fields",
    [
        {"created_ms": None},
        {"created_ms": "soon"},
        {"expires_ms": "never"},
        {"sha256": 5},
        {"sha256": "é" * 64},
        {"scopes": None},
        {"rate": []},
        {"quota_bytes": {}},
    ],
)
def test_a_wrong_member_of_a_key_is_that_of_no_other_key(
    keys: ApiKeys, store: LocalStore, fields: dict[str, object]
) -> None:
    first, text = keys.create("first", [Scope.ADMIN])
    second, _ = keys.create("second", [Scope.READ])
    store.put(f"keys/{first.id}.json", changed(first, **fields), "application/json")
    lost, kept = keys.list()
    assert (lost.id, lost.scopes, lost.opens_with(text)) == (first.id, (), False)
    assert kept == second


def test_a_file_of_another_name_among_the_keys_is_no_key(keys: ApiKeys, store: LocalStore) -> None:
    key, text = keys.create("first", [Scope.ADMIN])
    keys.revoke("first")
    for name in (f"{key.id}.json.bak", "README", "a.json", f"{'0' * 12}.json"):
        store.put(f"keys/{name}", key.to_json(), "application/json")
    found = {one.id: one for one in keys.list()}
    assert found[key.id].revoked_ms is not None
    assert [one.id for one in found.values() if one.opens_with(text)] == ["0" * 12, key.id]
    assert found.keys() == {key.id, "0" * 12}
    deep = b"[" * 100_000
    store.put(f"keys/{key.id}.json", deep, "application/json")
    store.put(f"keys/{key.id}.revoked.json", deep, "application/json")
    assert {one.id: one for one in keys.list()}[key.id].revoked_ms == 1


def test_a_damaged_revocation_is_a_revocation(keys: ApiKeys, store: LocalStore) -> None:
    key, _ = keys.create("first", [Scope.ADMIN])
    keys.revoke("first")
    store.put(f"keys/{key.id}.revoked.json", b"", "application/json")
    [found] = keys.list()
    assert found.revoked_ms is not None
