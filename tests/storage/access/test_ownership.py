"""Whose an upload is, and how many bytes its owners store, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from redis import Redis
from redis.connection import Connection
from redis.exceptions import ConnectionError

from storage.access.caller import owner_alone
from storage.access.ownership import Ownership
from storage.access.upload_index import OWNED_UPLOADS, USAGE
from storage.objects.local import LocalStore

ONE, TWO, THREE = map(owner_alone, ("one", "two", "three"))
SHA256 = "a" * 64


@pytest.fixture
def ownership(redis: Redis, store: LocalStore) -> Ownership:
    return Ownership(redis, store)


@contextmanager
def losing_reply(number: int) -> Iterator[None]:
    """The connection ends before this reply of Redis, whose command was done."""
    read, replies = Connection.read_response, count(1)

    def lose(self: Connection, *args: Any, **options: Any) -> Any:
        reply = read(self, *args, **options)
        if next(replies) == number:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise ConnectionError("the connection was lost")
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "read_response", lose)
        yield


@pytest.mark.parametrize("number", range(1, 16))
def test_an_upload_is_forgotten_once_whichever_reply_is_lost(
    ownership: Ownership, redis: Redis, number: int
) -> None:
    for caller in (ONE, TWO):
        ownership.add_upload(caller, "images", SHA256, 5, "a.png")
    ownership.add_upload(ONE, "images", "b" * 64, 7)
    with losing_reply(number):
        ownership.forget_upload("one", "images", SHA256)
    assert redis.hgetall(USAGE) == {b"one": b"7", b"two": b"5"}
    assert redis.hget(OWNED_UPLOADS, f"images/{SHA256}") == b"1"
    assert ownership.visible(THREE, "images", [SHA256]) == set()
    ownership.forget_upload(None, "images", SHA256)
    assert not redis.hexists(OWNED_UPLOADS, f"images/{SHA256}")
    assert redis.hget(USAGE, "two") == b"0"


def test_an_upload_of_another_key_meanwhile_keeps_its_owner(
    ownership: Ownership, monkeypatch: pytest.MonkeyPatch
) -> None:
    ownership.add_upload(ONE, "images", SHA256, 5)
    delete = LocalStore.delete

    def upload_then_delete(self: LocalStore, key: str) -> None:
        ownership.add_upload(TWO, "images", SHA256, 5)
        delete(self, key)

    monkeypatch.setattr(LocalStore, "delete", upload_then_delete)
    ownership.forget_upload("one", "images", SHA256)
    assert ownership.owners_of("images", SHA256) == {"two"}
    assert ownership.visible(THREE, "images", [SHA256]) == set()


@pytest.mark.parametrize("damage", ["x", "1.5", ""])
def test_a_damaged_sum_of_bytes_is_made_anew(
    redis: Redis, ownership: Ownership, damage: str
) -> None:
    ownership.add_upload(ONE, "images", "a" * 64, 7)
    redis.hset(USAGE, "one", damage)
    ownership.add_upload(ONE, "images", "b" * 64, 5)
    assert redis.hgetall(USAGE) == {b"one": b"12"}
    redis.hset(USAGE, "one", damage)
    ownership.forget_upload("one", "images", "a" * 64)
    assert redis.hgetall(USAGE) == {b"one": b"5"}
    assert ownership.owns_upload(ONE, "images", "b" * 64)
