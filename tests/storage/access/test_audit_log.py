"""No entry of the audit log is lost, and it reads on behind a damaged line."""

from __future__ import annotations

import os
import pwd
from typing import Any

import pytest
from redis import Redis

from storage.access.audit_log import AuditLog
from storage.objects.keys import AUDIT
from storage.objects.local import LocalStore


def test_a_damaged_line_is_left_out_and_named(
    redis: Redis, store: LocalStore, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(redis, store)
    for action in ("create", "read", "delete"):
        log.add({"action": action})
    assert log.archive(age_ms=-1000) == 3
    [key] = store.keys(AUDIT)
    first, second, third = store.get(key).splitlines()
    store.put(key, b"\n".join([first, second[:9], b"7", third]), "application/jsonl")
    log.add({"action": "retry"})
    assert [entry["action"] for entry in log.list()] == ["create", "delete", "retry"]
    assert f"{key}: line 2 is unreadable" in caplog.text


def test_a_user_without_a_name_has_its_number(
    redis: Redis, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a container that runs under any user id.
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def find_nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", find_nobody)
    log = AuditLog(redis, store)
    log.add_by_operator("create_key", "camera")
    assert [entry["key"] for entry in log.list()] == [f"operator uid {os.getuid()}"]


def test_a_leader_that_was_paused_overwrites_no_entry_that_another_one_moved(
    redis: Redis, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, is_first, put = AuditLog(redis, store), iter([True]), LocalStore.put
    for action in ("create", "read"):
        log.add({"action": action})

    def put_later(self: LocalStore, *args: Any) -> None:
        if next(is_first, False):
            log.add({"action": "delete"})
            assert log.archive(age_ms=-1000) == 3, "of the other leader"
        put(self, *args)

    monkeypatch.setattr(LocalStore, "put", put_later)
    log.archive(age_ms=-1000)
    actions = [entry["action"] for entry in log.list()]
    assert actions == ["create", "read", "delete"]
