"""`roadmask webhook`: the deliveries of a job's webhook, and sending one again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from roadmask.cli.display.output import say
from roadmask.cli.display.tables import print_table
from roadmask.cli.options.connection import connect, connection

if TYPE_CHECKING:
    from roadmask.schemas.webhooks import Delivery

COLUMNS = ("ended at", "event", "state", "attempts", "status", "error", "next attempt")


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--replay", is_flag=True, help="Send the newest delivery again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@connection
def webhook(job_id: str, replay: bool, as_json: bool, url: str | None, api_key: str | None) -> None:
    """List the webhook deliveries of JOB, the newest first: one for each time the job ended."""
    with connect(url, api_key) as client:
        if replay:
            client.replay_webhook(job_id)
        found = client.webhook_deliveries(job_id)
    if as_json:
        click.echo(json.dumps([delivery.model_dump(mode="json") for delivery in found]))
    elif found:
        print_table(COLUMNS, [_row(delivery) for delivery in found], right=("attempts", "status"))
    else:
        say("No deliveries yet: the job has not ended, or has no webhook.", err=True)


def _row(delivery: Delivery) -> tuple[str, ...]:
    upcoming, status = delivery.next_attempt_at, delivery.last_status
    return (
        f"{delivery.ended_at:%Y-%m-%d %H:%M:%S}",
        delivery.event,
        delivery.state,
        str(delivery.attempts),
        "" if status is None else str(status),
        delivery.last_error or "",
        "" if upcoming is None else f"{upcoming:%H:%M:%S}",
    )
