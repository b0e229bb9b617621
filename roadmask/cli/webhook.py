"""`roadmask webhook`: what a job's webhook was told, and telling it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from roadmask.cli.service import connect, connection

if TYPE_CHECKING:
    from roadmask.webhooks import Delivery


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--replay", is_flag=True, help="Tell the newest end of the job once more.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@connection
def webhook(job_id: str, replay: bool, as_json: bool, url: str | None, api_key: str | None) -> None:
    """What the webhook of JOB was told: each end of the job, the newest first."""
    with connect(url, api_key) as client:
        if replay:
            client.replay_webhook(job_id)
        found = client.webhook_deliveries(job_id)
    if as_json:
        click.echo(json.dumps([delivery.model_dump(mode="json") for delivery in found]))
        return
    if not found:
        click.echo("Nothing was told yet: the job is open, or names no webhook.", err=True)
    for delivery in found:
        click.echo(_line(delivery))


def _line(delivery: Delivery) -> str:
    ended = f"{delivery.ended_at:%Y-%m-%d %H:%M:%S}"
    tries = f"{delivery.attempts} {'try' if delivery.attempts == 1 else 'tries'}"
    parts = [ended, delivery.event, delivery.state, tries]
    if delivery.last_status is not None:
        parts.append(f"HTTP {delivery.last_status}")
    if delivery.last_error is not None:
        parts.append(delivery.last_error)
    if delivery.next_attempt_at is not None:
        parts.append(f"next at {delivery.next_attempt_at:%H:%M:%S}")
    return "  ".join(parts)
