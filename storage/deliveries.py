"""Deliveries: what webhooks are to be told is on record until it was told, and a while longer.

A job's end and its delivery are written in one step. Whoever sends takes a delivery for a while; if
it dies, the delivery is due again afterwards. So each one arrives at least once.
"""

from __future__ import annotations

import logging
import time

from redis import Redis

from roadmask.errors import DeliveryNotFound, JobNotFound, ObjectNotFound, StoreUnavailable
from roadmask.settings import Settings
from roadmask.webhooks import Delivery, DeliveryState
from storage.connections import records_guard
from storage.job_keys import DELIVERIES, deliveries_key, job_key
from storage.objects import ObjectStore, job_prefix
from storage.replies import texts
from storage.scripts import Scripts

log = logging.getLogger(__name__)


class Deliveries:
    """The deliveries of all jobs. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._lease_ms = int(settings.lease_s * 1000)
        self._redis = redis
        self._store = store
        self._scripts = Scripts(redis)

    @records_guard()
    def of(self, job_id: str) -> list[Delivery]:
        """The deliveries of a job, the newest first. Raises `JobNotFound`."""
        found = self._redis.hvals(deliveries_key(job_id))
        if not found and not self._redis.exists(job_key(job_id)):
            raise JobNotFound(f"There is no job {job_id!r}: check the id.")
        deliveries = [Delivery.model_validate_json(one) for one in found]
        return sorted(deliveries, key=lambda delivery: delivery.round, reverse=True)

    def replay(self, job_id: str) -> Delivery:
        """Have the newest delivery of a job sent now, again or for the first time.

        Raises `JobNotFound`, and `DeliveryNotFound` when the job has not ended or has no webhook.
        """
        deliveries = self.of(job_id)
        if not deliveries:
            raise DeliveryNotFound(
                "This job has told no webhook anything: it has not ended, or names no `webhook`."
            )
        pending = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": _now()}
        delivery = Delivery.model_validate({**deliveries[0].model_dump(), **pending})
        self.keep(job_id, delivery)
        return delivery

    @records_guard()
    def take(self, limit: int) -> list[tuple[str, Delivery]]:
        """Up to so many deliveries that are due, each with its job's id, for `lease_s` seconds."""
        due = self._redis.zrange(
            DELIVERIES, "-inf", int(_now() * 1000), byscore=True, offset=0, num=limit
        )
        taken = []
        for member in texts(due):
            job_id, round_ = member.split(" ")
            reply = self._scripts.run("take_delivery", job_id, round_, self._lease_ms)
            if reply is not None:
                taken.append((job_id, Delivery.model_validate_json(reply)))
        return taken

    @records_guard()
    def keep(self, job_id: str, delivery: Delivery) -> None:
        """Write down how a delivery stands; once it is over, in the object store too."""
        following = delivery.next_attempt_at
        moment = "" if following is None else int(following.timestamp() * 1000)
        text = delivery.model_dump_json()
        self._scripts.run("keep_delivery", job_id, delivery.round, text, moment)
        if following is None:
            try:
                self._store.put(_key(job_id, delivery.round), text.encode(), "application/json")
            except StoreUnavailable as error:
                # It matters only when Redis is emptied: then it is sent once more.
                log.warning("job %s: its webhook was told, but: %s", job_id, error.detail)

    @records_guard()
    def recall(self, job_id: str, round_: int) -> None:
        """Of a job that was put back: do not send again what is known to be over."""
        try:
            text = self._store.get(_key(job_id, round_))
        except ObjectNotFound:
            return
        self._scripts.run("keep_delivery", job_id, round_, text, "")


def _key(job_id: str, round_: int) -> str:
    return f"{job_prefix(job_id)}deliveries/{round_}.json"


def _now() -> float:
    return time.time()
