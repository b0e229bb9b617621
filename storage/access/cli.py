"""`roadmask keys`: create, list and revoke API keys, and read the audit log."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from roadmask.cli.display.output import say
from roadmask.cli.display.tables import print_table
from roadmask.shown import shown
from storage.access.api_key import ApiKey, Scope
from storage.access.api_keys import ApiKeys
from storage.access.audit_log import AuditLog, Entry
from storage.connections import command_settings, connect_redis, open_store
from storage.wall_clock import wall_ms

DAY_MS = 24 * 3600 * 1000
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    These commands use the same ROADMASK_… settings as the API; for a service of `roadmask up` the
    data folder is enough (ROADMASK_DATA_DIR). Each change holds at once, for every
    process of the service. With its first key a service asks every client for one.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scopes",
    default="submit,read",
    show_default=True,
    help="What the key may do: submit, read, admin.",
)
@click.option("--rate", type=click.IntRange(min=1), help="Requests per minute.")
@click.option("--quota-items", type=click.IntRange(min=1), help="Images in jobs per day (UTC).")
@click.option("--quota-bytes", help="Bytes of its uploads that are stored, such as 20G.")
@click.option("--expires", help="Days until it expires (90d), or a time (2027-01-31, in UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def create(
    name: str,
    scopes: str,
    rate: int | None,
    quota_items: int | None,
    quota_bytes: str | None,
    expires: str | None,
    as_json: bool,
) -> None:
    """Create the key NAME. Its text is shown once and kept nowhere."""
    if not name or len(name) > 100 or shown(name) != name:
        raise click.BadParameter("A name has 1 to 100 characters and no control characters.")
    opened, audit = _open()
    key, text = opened.create(
        name,
        _scopes(scopes),
        rate=rate,
        quota_items=quota_items,
        quota_bytes=_bytes(quota_bytes),
        expires_ms=_moment(expires),
    )
    # The text is printed first, because an error in a later step must not lose it.
    click.echo(json.dumps({"id": key.id, "name": name, "key": text}) if as_json else text)
    if not as_json:
        click.echo("Keep it now: it is not shown again.", err=True)
    audit.add_by_operator("create_key", f"{key.name} {key.id}")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def list_keys(as_json: bool) -> None:
    """List all keys."""
    found = _open()[0].list()
    if as_json:
        click.echo(json.dumps([_fields(key) for key in found]))
    elif found:
        columns = ("id", "name", "scopes", "rate", "items a day", "bytes", "expires", "state")
        print_table(columns, [_row(key) for key in found], right=("rate", "items a day", "bytes"))
    else:
        say("No keys yet: the service asks for none, unless ROADMASK_API_KEY_HASHES has some.")


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke the key with this NAME or id. What belongs to it stays."""
    opened, audit = _open()
    key = opened.revoke(name)
    audit.add_by_operator("revoke_key", f"{key.name} {key.id}")
    say(f"{key.name} ({key.id}) is revoked.")


@keys.command()
@click.option("--key", "name", help="Only entries of the key with this name.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def audit(name: str | None, limit: int, as_json: bool) -> None:
    """Show the audit log, the newest entry last."""
    _, log = _open()
    entries = (entry for entry in log.list() if name in (None, entry.get("key")))
    last = _last(entries, limit)
    if as_json:
        for entry in last:
            click.echo(json.dumps(entry))
    else:
        columns = ("at", "key", "action", "path", "client")
        print_table(columns, [tuple(entry.get(c, "") for c in columns) for entry in last])


def _open() -> tuple[ApiKeys, AuditLog]:
    settings = command_settings()
    redis, store = connect_redis(settings), open_store(settings)
    store.check()
    return ApiKeys(redis, store), AuditLog(redis, store)


def _scopes(text: str) -> list[Scope]:
    try:
        found = [Scope(name.strip()) for name in dict.fromkeys(text.split(","))]
    except ValueError as error:
        raise click.BadParameter(f"{error}; the scopes are {', '.join(Scope)}.") from None
    return found


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,18})([KMGT]?)B?", text.strip().upper())
    if not match or int(match[1]) == 0:
        raise click.BadParameter(f"{text!r} is no number of bytes. Write it like 500M or 20G.")
    return int(match[1]) * UNITS[match[2]]


def _moment(text: str | None) -> int | None:
    """Parse the option `--expires` into milliseconds since 1970."""
    if text is None:
        return None
    now = wall_ms()
    if days := re.fullmatch(r"(\d{1,5})d", text):
        moment = now + int(days[1]) * DAY_MS
    else:
        try:
            time_ = datetime.fromisoformat(text)
        except ValueError:
            raise click.BadParameter(f"{text!r} is no time: write 90d or 2027-01-31.") from None
        moment = int((time_ if time_.tzinfo else time_.replace(tzinfo=UTC)).timestamp() * 1000)
    if moment <= now:
        raise click.BadParameter(f"{text!r} is over already.")
    return moment


def _fields(key: ApiKey) -> dict[str, object]:
    fields = json.loads(key.to_json()) | {"revoked_ms": key.revoked_ms}
    del fields["sha256"]
    return dict(fields)


def _row(key: ApiKey) -> tuple[str, ...]:
    state = "revoked" if key.revoked_ms else "expired" if key.is_expired() else "in use"
    expires = datetime.fromtimestamp(key.expires_ms / 1000, UTC) if key.expires_ms else None
    numbers = (key.rate, key.quota_items, key.quota_bytes)
    return (
        key.id,
        key.name,
        ",".join(key.scopes),
        *("" if number is None else f"{number:,}" for number in numbers),
        f"{expires:%Y-%m-%d %H:%M}" if expires else "",
        state,
    )


def _last(entries: Iterable[Entry], limit: int) -> list[Entry]:
    return list(deque(entries, maxlen=limit))
