"""Sends due webhook deliveries, signed, and schedules retries of failed ones."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version

import anyio.to_thread
import httpx
from standardwebhooks import Webhook

from roadmask.errors import RoadmaskError
from roadmask.schemas.media_types import JSON
from roadmask.schemas.webhooks import Delivery, DeliveryState, webhook_body
from roadmask.settings import Settings
from storage.telemetry.metrics import WEBHOOKS
from storage.webhooks.deliveries import Deliveries
from storage.webhooks.policy import WebhookPolicy

log = logging.getLogger(__name__)

CONCURRENCY = 16
"""Deliveries in parallel."""
PER_RECEIVER = 2
"""Deliveries to one receiver in parallel, so that a slow receiver delays no other."""
ATTEMPT_S = 15.0
"""Longest time of an attempt, even if the receiver sends its answer slowly."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
POSTPONED_S = 2.0
"""Time after which a delivery to a busy receiver is due again."""
MAX_TAKES = 64
"""Most reads of due deliveries in one call of `send_due`. Many of them may be postponed."""
ROUND_S = 1.0
"""Longest wait of `send_due` for its deliveries, seconds. Slow ones go on in the background."""
GONE = 410
"""Status by which a receiver refuses further attempts (Standard Webhooks)."""
USER_AGENT = f"Roadmask/{version('roadmask')}"


class WebhookSender:
    """Sends webhooks if a secret is configured. Several processes may send at the same time.

    It follows no redirects, and connects to the IP address that the policy has checked.
    """

    def __init__(self, deliveries: Deliveries, settings: Settings) -> None:
        self._deliveries = deliveries
        self._policy = WebhookPolicy(settings)
        self._pauses_s = settings.webhook_pauses_s
        self._public_url = settings.public_url
        secret = settings.webhook_secret.get_secret_value()
        self._signer = Webhook(secret) if secret else None
        # At INFO, httpx logs whole URLs, and some of them contain a secret.
        logging.getLogger("httpx").setLevel("WARNING")
        self._pool = ThreadPoolExecutor(CONCURRENCY, "webhook")
        self._busy: dict[Future[None], str] = {}

    def send_due(self) -> int:
        """Send due deliveries and return their number. Raises `RecordsUnavailable`.

        Deliveries to slow receivers may still be in progress when this returns.
        """
        if self._signer is None:
            return 0
        sent = 0
        for _ in range(MAX_TAKES):
            free = CONCURRENCY - len(self._in_progress())
            due = self._deliveries.take_due(free) if free else []
            receivers = Counter(self._busy.values())
            for job_id, delivery in due:
                receiver = _receiver(delivery.url)
                if receivers[receiver] >= PER_RECEIVER:
                    self._postpone(job_id, delivery)
                    continue
                receivers[receiver] += 1
                self._busy[self._pool.submit(self._deliver, job_id, delivery)] = receiver
                sent += 1
            if not due:
                break
        wait(self._busy, ROUND_S)
        return sent

    def stop(self) -> None:
        """Wait for the deliveries in progress, at most `ATTEMPT_S`."""
        self._pool.shutdown()

    def _in_progress(self) -> dict[Future[None], str]:
        for future in [future for future in self._busy if future.done()]:
            del self._busy[future]
            # An error of Redis or the store: the delivery is due again after its lease.
            if error := future.exception():
                log.warning("a webhook's state was not saved: %s", error)
        return self._busy

    def _postpone(self, job_id: str, delivery: Delivery) -> None:
        due = datetime.now(UTC) + timedelta(seconds=POSTPONED_S)
        self._deliveries.save(job_id, delivery.model_copy(update={"next_attempt_at": due}))

    def _deliver(self, job_id: str, delivery: Delivery) -> None:
        status, error = self._attempt(delivery)
        if error:
            log.warning("job %s: webhook not delivered: %s", job_id, error)
        updated = self._updated(delivery, status, error)
        WEBHOOKS.labels(updated.state).inc()
        self._deliveries.save(job_id, updated)

    def _attempt(self, delivery: Delivery) -> tuple[int | None, str | None]:
        """Make one attempt. Returns the HTTP status, if any, and the error, if any."""
        try:
            status = asyncio.run(asyncio.wait_for(self._post(delivery), ATTEMPT_S))
        except RoadmaskError as error:
            return None, error.detail
        except TimeoutError:
            return None, f"The receiver did not answer within {ATTEMPT_S:g} s."
        except (httpx.HTTPError, OSError) as error:
            return None, f"{type(error).__name__}: {error}"
        if 300 <= status < 400:
            return status, f"The receiver answered {status}, and redirects are not followed."
        return status, None if status < 300 else f"The receiver answered {status}."

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Cached and lazy, because loading the certificates takes 25 ms and few workers send."""
        return ssl.create_default_context()

    async def _post(self, delivery: Delivery) -> int:
        url = self._policy.check(delivery.url)
        body = webhook_body(delivery, self._public_url)
        headers = self._signed(delivery.id, body) | {"Host": url.netloc.decode("ascii")}
        unreachable: httpx.ConnectError | httpx.ConnectTimeout | None = None
        # A DNS look-up cannot be canceled: at the end of the attempt its thread is abandoned.
        addresses = await anyio.to_thread.run_sync(
            self._policy.addresses, url, abandon_on_cancel=True
        )
        # Proxies from the environment would connect to an address that was not checked.
        async with httpx.AsyncClient(
            verify=self._tls, timeout=TIMEOUT, follow_redirects=False, trust_env=False
        ) as http:
            for address in addresses:
                request = http.build_request(
                    "POST",
                    url.copy_with(host=str(address)),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": url.raw_host.decode("ascii")},
                )
                try:
                    response = await http.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    unreachable = error
                else:
                    await response.aclose()
                    return response.status_code
        raise unreachable or OSError(f"{url.host} has no address")

    def _signed(self, message_id: str, body: str) -> dict[str, str]:
        assert self._signer
        now = datetime.now(UTC)
        return {
            "Content-Type": JSON,
            "User-Agent": USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body),
        }

    def _updated(self, delivery: Delivery, status: int | None, error: str | None) -> Delivery:
        now = datetime.now(UTC)
        next_attempt_at, state = None, DeliveryState.DELIVERED
        if error:
            is_last = status == GONE or delivery.attempts >= len(self._pauses_s)
            state = DeliveryState.FAILED if is_last else DeliveryState.PENDING
            if not is_last:
                pause_s = self._pauses_s[delivery.attempts] * random.uniform(1.0, 1.2)
                next_attempt_at = now + timedelta(seconds=pause_s)
        return delivery.model_copy(
            update={
                "state": state,
                "attempts": delivery.attempts + 1,
                "last_attempt_at": now,
                "last_status": status,
                "last_error": error,
                "next_attempt_at": next_attempt_at,
            }
        )


def _receiver(url: str) -> str:
    """Host and port of a URL."""
    return httpx.URL(url).netloc.decode("ascii")
