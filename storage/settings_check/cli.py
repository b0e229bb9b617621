"""`roadmask config check`: try the settings against the real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from roadmask.cli.display.findings import show_finding
from roadmask.exit_codes import Exit
from roadmask.local.finding import Finding
from roadmask.settings import Settings
from storage.connections import command_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Try all settings: Redis, the queue, the object store and its rights, certificates, links.

    Run it with the environment of each process, before the first start and after changes. Exits
    with 1 when something fails, and with 2 when a setting has no valid value. It writes one small
    object and one key, and deletes them again.
    """
    settings = command_settings()
    findings = []
    for finding in check_settings(settings):
        findings.append(finding)
        if not as_json:
            show_finding(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    ctx.exit(Exit.OK if all(finding.ok for finding in findings) else Exit.FAILURES)


def check_settings(settings: Settings) -> Iterator[Finding]:
    """All findings: of Redis, of the object store, then of other addresses."""
    from storage.settings_check.addresses_check import check_addresses
    from storage.settings_check.objects_check import check_objects
    from storage.settings_check.records_check import check_records

    yield from check_records(settings)
    yield from check_objects(settings)
    yield from check_addresses(settings)
