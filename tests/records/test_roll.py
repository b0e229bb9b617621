from __future__ import annotations

from redis import Redis

from storage.roll import ROLL, Roll


def test_the_living_are_told_in_order_and_those_who_left_are_not(redis: Redis) -> None:
    roll = Roll(redis)
    assert roll.alive() == []
    for name in ("b", "a", "c"):
        roll.tell(name, {"model": f"model of {name}"})
    roll.tell("a", {"model": "a newer one"})
    roll.leave("c")
    assert roll.alive() == [
        {"id": "a", "model": "a newer one"},
        {"id": "b", "model": "model of b"},
    ]


def test_who_falls_silent_is_forgotten(redis: Redis) -> None:
    roll = Roll(redis)
    roll.tell("quick", {})
    roll.tell("dead", {})
    assert 0 < redis.ttl("rm:worker:dead") <= 20
    redis.delete("rm:worker:dead")
    assert [worker["id"] for worker in roll.alive()] == ["quick"]
    assert redis.smembers(ROLL) == {b"quick"}
