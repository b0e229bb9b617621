"""The registry of live workers."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from storage.workers import WORKERS, WorkerRegistry, WorkerStatus


def test_live_workers_are_listed_by_id_and_removed_workers_are_not(redis: Redis) -> None:
    workers = WorkerRegistry(redis)
    assert workers.list_live() == []
    for worker_id in ("b", "a", "c"):
        workers.heartbeat(worker_id, {"model": f"model of {worker_id}"})
    workers.heartbeat("a", {"model": "a newer one"})
    workers.remove("c")
    assert workers.list_live() == [
        WorkerStatus(id="a", model="a newer one"),
        WorkerStatus(id="b", model="model of b"),
    ]


def test_a_worker_without_heartbeats_is_dropped(redis: Redis) -> None:
    workers = WorkerRegistry(redis)
    workers.heartbeat("live", {})
    workers.heartbeat("dead", {})
    assert 0 < redis.ttl("rm:worker:dead") <= 20
    redis.delete("rm:worker:dead")
    assert [worker.id for worker in workers.list_live()] == ["live"]
    assert redis.smembers(WORKERS) == {b"live"}


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff", b"[1]", b"{}", b'{"id": 5}', b"[" * 200_000, b'{"id": "\\ud800"}', None],
)
def test_a_heartbeat_that_cannot_be_read_hides_no_worker(redis: Redis, value: bytes | None) -> None:
    workers = WorkerRegistry(redis)
    workers.heartbeat("live", {})
    redis.sadd(WORKERS, "odd")
    if value is None:
        redis.lpush("rm:worker:odd", "x")
    else:
        redis.set("rm:worker:odd", value)
    assert [worker.id for worker in workers.list_live()] == ["live"]
    workers.heartbeat("odd", {})
    assert [worker.id for worker in workers.list_live()] == ["live", "odd"]


def test_a_heartbeat_without_an_end_gets_one(redis: Redis) -> None:
    """As a copy from a backup: the worker would live for ever."""
    workers = WorkerRegistry(redis)
    redis.sadd(WORKERS, "old")
    redis.set("rm:worker:old", json.dumps({"id": "old"}))
    workers.list_live()
    assert 0 < redis.ttl("rm:worker:old") <= 20


def test_an_id_that_is_no_text_is_removed(redis: Redis) -> None:
    workers = WorkerRegistry(redis)
    workers.heartbeat("live", {})
    redis.sadd(WORKERS, b"\xff\xfe")
    assert [worker.id for worker in workers.list_live()] == ["live"]
    assert redis.smembers(WORKERS) == {b"live"}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("own_model", ["a"]),
        ("models", 5),
        ("models", [5]),
        ("qualities", None),
        ("qualities", {"street_unet@1": {"best": 5}}),
        ("lanes", 5),
        ("images_per_second", float("nan")),
        ("ready", {}),
        ("refused", 3),
        ("host", None),
        ("outage", []),
    ],
)
def test_a_member_of_another_shape_counts_as_missing(
    redis: Redis, member: str, value: object
) -> None:
    """As a later version may write it."""
    workers = WorkerRegistry(redis)
    workers.heartbeat("later", {"pid": 7, "new": {"a": [1]}, member: value})
    [status] = workers.list_live()
    assert status.model_dump(exclude_unset=True) == {"id": "later", "pid": 7, "new": {"a": [1]}}
