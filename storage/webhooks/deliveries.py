"""Webhook deliveries: recorded from the end of a job until they are sent, and a while longer.

The step that finalizes a job writes its delivery. A sender leases a delivery; if the sender dies,
the delivery is due again after the lease. So each delivery arrives at least once.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from redis import Redis

from roadmask.errors import DeliveryNotFound, JobNotFound, ObjectNotFound, StoreUnavailable
from roadmask.schemas.media_types import JSON
from roadmask.schemas.webhooks import Delivery, DeliveryState, webhook_body
from roadmask.settings import Settings
from storage.clock_difference import APART_S
from storage.connections import is_outage, records_guard
from storage.jobs.keys import DUE_DELIVERIES, deliveries_key, job_key
from storage.jobs.scripts import JobScripts
from storage.objects.keys import job_prefix
from storage.objects.store import ObjectStore
from storage.redis_text import now_ms, text

WRONG_CLOCK_DELAY_MS = 20_000
"""How much later than others a process with a wrong clock takes a due delivery, ms."""

log = logging.getLogger(__name__)


class DueDelivery(NamedTuple):
    """A delivery to send now."""

    job_id: str
    delivery: Delivery


class Deliveries:
    """The deliveries of all jobs. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(
        self, redis: Redis, store: ObjectStore, scripts: JobScripts, settings: Settings
    ) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts
        self._lease_ms = int(settings.lease_s * 1000)

    @records_guard()
    def list_job(self, job_id: str) -> list[Delivery]:
        """List the deliveries of a job, newest first. Raises `JobNotFound`."""
        found = self._redis.hvals(deliveries_key(job_id))
        if not found and not self._redis.exists(job_key(job_id)):
            raise JobNotFound(f"There is no job {job_id!r}: check the id.")
        deliveries = [delivery for one in found if (delivery := _decode(job_id, one))]
        return sorted(deliveries, key=lambda delivery: delivery.round, reverse=True)

    def replay(self, job_id: str) -> Delivery:
        """Make the newest delivery of a job due now, whether it was sent or not.

        Raises `JobNotFound`, and `DeliveryNotFound` when the job has not ended or has no webhook.
        """
        deliveries = self.list_job(job_id)
        if not deliveries:
            raise DeliveryNotFound(
                "This job has no webhook delivery: it has not ended, or names no `webhook`."
            )
        pending = {"state": DeliveryState.PENDING, "attempts": 0, "next_attempt_at": time.time()}
        delivery = Delivery.model_validate({**deliveries[0].model_dump(), **pending})
        self.save(job_id, delivery)
        return delivery

    @records_guard()
    def take_due(self, limit: int) -> list[DueDelivery]:
        """Lease up to `limit` due deliveries for `lease_s` seconds.

        Receivers refuse a signature with a wrong time. So a process whose clock differs from
        Redis's leaves deliveries to other processes for a while.
        """
        latest_ms = now_ms(self._redis)
        if abs(time.time() * 1000 - latest_ms) > APART_S * 1000:
            latest_ms -= WRONG_CLOCK_DELAY_MS
        due: list[Any] = self._redis.zrange(
            DUE_DELIVERIES, "-inf", latest_ms, byscore=True, offset=0, num=limit
        )
        taken = []
        for member in due:
            job_id, _, round_ = text(member, errors="replace").partition(" ")
            try:
                data = self._scripts.take_delivery(job_id, int(round_), self._lease_ms)
            except Exception as error:
                if is_outage(error):
                    raise
                log.error("a webhook delivery is dropped: %r: %r", member, error)
                self._redis.zrem(DUE_DELIVERIES, member)
                continue
            if data is not None and (delivery := _decode(job_id, data)):
                taken.append(DueDelivery(job_id, delivery))
        return taken

    @records_guard()
    def save(self, job_id: str, delivery: Delivery) -> None:
        """Save the state of a delivery; a final state also in the object store."""
        data, pause_ms = delivery.model_dump_json().encode(), None
        if delivery.next_attempt_at is not None:
            # Redis's clock decides when a delivery is due, so only the length of the pause is sent.
            pause_ms = max(int((delivery.next_attempt_at.timestamp() - time.time()) * 1000), 0)
        self._scripts.save_delivery(job_id, delivery.round, data, pause_ms)
        if pause_ms is None:
            try:
                self._store.put(_key(job_id, delivery.round), data, JSON)
            except StoreUnavailable as error:
                # Without the object, a rebuild of Redis would send the delivery once more.
                log.warning("job %s: webhook state not stored: %s", job_id, error.detail)

    @records_guard()
    def restore(self, job_id: str, round_: int) -> None:
        """Restore the final state of a delivery of a rebuilt job, so that it is not sent again."""
        try:
            data = self._store.get(_key(job_id, round_))
        except ObjectNotFound:
            return
        # A delivery whose stored state is damaged is sent once more.
        if _decode(job_id, data):
            self._scripts.save_delivery(job_id, round_, data, None)


def _decode(job_id: str, data: bytes | str) -> Delivery | None:
    """Decode a delivery, which a newer version may have written; None if it is unreadable."""
    import httpx

    try:
        delivery = Delivery.model_validate_json(data, extra="ignore")
        # A delivery that cannot be sent would stop the sender.
        httpx.URL(delivery.url)
        webhook_body(delivery, "")
        if delivery.round < 0 or delivery.attempts < 0:
            raise ValueError("a number is negative")
        return delivery
    except (ValueError, httpx.InvalidURL) as error:
        log.error("job %s: a webhook delivery cannot be read: %s", job_id, error)
        return None


def _key(job_id: str, round_: int) -> str:
    return f"{job_prefix(job_id)}deliveries/{round_}.json"
