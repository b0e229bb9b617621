"""The messenger: sends what webhooks are to be told, signed, and tries again what failed."""

from __future__ import annotations

import logging
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import httpx
from standardwebhooks import Webhook

from roadmask.errors import RoadmaskError
from roadmask.settings import Settings
from roadmask.webhooks import Delivery, DeliveryState, webhook_body
from storage.deliveries import Deliveries
from storage.webhook_policy import WebhookPolicy

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Deliveries in hand, so that a receiver which does not answer delays few others."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
GONE = 410
"""With this status a receiver asks for no more attempts (Standard Webhooks)."""
AGENT = f"Roadmask/{version('roadmask')}"


class Messenger:
    """Each `run` sends what is due. Several processes may run at once; none sends without a secret.

    Redirects are not followed, and the connection goes to the address that the policy has seen.
    """

    def __init__(self, deliveries: Deliveries, settings: Settings) -> None:
        self._deliveries = deliveries
        self._policy = WebhookPolicy(settings)
        self._pauses_s = settings.webhook_pauses_s
        self._public_url = settings.public_url
        secret = settings.webhook_secret.get_secret_value()
        self._signer = Webhook(secret) if secret else None
        # It would log whole URLs, and some receivers have their secret in them.
        logging.getLogger("httpx").setLevel("WARNING")
        # Proxies of the environment would be asked to reach what was not checked.
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    def run(self) -> int:
        """Send what is due; how many attempts that took. Raises `RecordsUnavailable`."""
        if self._signer is None:
            return 0
        taken = self._deliveries.take(AT_ONCE)
        if taken:
            with ThreadPoolExecutor(len(taken), "webhook") as pool:
                list(pool.map(lambda one: self._deliver(*one), taken))
        return len(taken)

    def _deliver(self, job_id: str, delivery: Delivery) -> None:
        status, error = self._attempt(delivery)
        if error:
            log.warning("job %s: webhook not delivered: %s", job_id, error)
        self._deliveries.keep(job_id, self._after(delivery, status, error))

    def _attempt(self, delivery: Delivery) -> tuple[int | None, str | None]:
        """The receiver's status, and what went wrong."""
        try:
            status = self._post(delivery)
        except RoadmaskError as error:
            return None, error.detail
        except (httpx.HTTPError, OSError) as error:
            return None, f"{type(error).__name__}: {error}"
        if 300 <= status < 400:
            return status, f"The receiver answered {status}, and redirects are not followed."
        return status, None if status < 300 else f"The receiver answered {status}."

    def _post(self, delivery: Delivery) -> int:
        url = self._policy.check(delivery.url)
        body = webhook_body(delivery, self._public_url)
        headers = self._signed(delivery.id, body) | {"Host": url.netloc.decode("ascii")}
        unreachable: httpx.ConnectError | httpx.ConnectTimeout | None = None
        for address in self._policy.addresses(url):
            request = self._http.build_request(
                "POST",
                url.copy_with(host=str(address)),
                content=body,
                headers=headers,
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            try:
                response = self._http.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                unreachable = error
            else:
                response.close()
                return response.status_code
        raise unreachable or OSError(f"{url.host} has no address")

    def _signed(self, message_id: str, body: str) -> dict[str, str]:
        assert self._signer
        now = datetime.now(UTC)
        return {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body),
        }

    def _after(self, delivery: Delivery, status: int | None, error: str | None) -> Delivery:
        now = datetime.now(UTC)
        following, state = None, DeliveryState.DELIVERED
        if error:
            is_last = status == GONE or delivery.attempts >= len(self._pauses_s)
            state = DeliveryState.FAILED if is_last else DeliveryState.PENDING
            if not is_last:
                pause_s = self._pauses_s[delivery.attempts] * random.uniform(1.0, 1.2)
                following = now + timedelta(seconds=pause_s)
        return delivery.model_copy(
            update={
                "state": state,
                "attempts": delivery.attempts + 1,
                "last_attempt_at": now,
                "last_status": status,
                "last_error": error,
                "next_attempt_at": following,
            }
        )
