"""`roadmask api`: serve the HTTP API."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

import click

from roadmask.errors import RoadmaskError
from roadmask.machine import map_large_blocks, share_heap
from roadmask.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from storage.objects.store import ObjectStore

log = logging.getLogger(__name__)

SHUTDOWN_S = 5
"""Seconds that open requests, such as event streams, get to end at shutdown."""
SWITCH_S = 0.0002
"""Switch interval of the GIL, seconds: how long a computing thread keeps it while the event loop
waits. The loop acquires the GIL again for each ready socket, and each thread may come first. With
Python's default of 5 ms, 4 threads would delay 10 sockets by 200 ms."""
GC_THRESHOLDS = (700, 10, 10_000)
"""Python's default thresholds, except the last: full collections are 1,000 times rarer. With 1,000
event streams a full collection takes 180 ms. Long bodies caused 2 a second, which freed nothing."""
SPARE_FILES = 512
"""Open files besides client connections: uploads, objects, connections to Redis."""


def server_options(settings: Settings) -> dict[str, Any]:
    """Options of uvicorn, besides host and port."""
    from api.connections.limited_connection import connection_class

    return {
        # `api.request_log` logs requests, and the root logger formats what uvicorn logs.
        "log_config": None,
        "access_log": False,
        "http": connection_class(settings),
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": SHUTDOWN_S,
    }


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    show_envvar=True,
    help="Port to listen on.",
)
@click.option("--no-keys", is_flag=True, help="Serve other machines although there are no keys.")
def api(host: str, port: int, no_keys: bool) -> None:
    """Serve the HTTP API.

    Without keys it serves this machine only: create one with `roadmask keys create NAME`.
    """
    import uvicorn

    from storage.connections import open_store
    from storage.telemetry.logs import configure_logging

    # Freed memory of images and bodies goes back to the system.
    share_heap()
    map_large_blocks()
    sys.setswitchinterval(SWITCH_S)
    if no_keys:
        os.environ["ROADMASK_NO_KEYS"] = "true"
    settings = Settings()
    configure_logging(settings.log_format)
    raise_file_limit(settings.max_connections)
    # Opened here, because a wrong setting would be a traceback inside uvicorn.
    check_keys(settings, host, open_store(settings))
    options = server_options(settings)
    uvicorn.run(_create_app, factory=True, host=host, port=port, **options)


def _create_app() -> FastAPI:
    """The application. Its objects are frozen, so that the garbage collector skips them."""
    from api.app import create_app

    app = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return app


def check_keys(settings: Settings, host: str, store: ObjectStore) -> None:
    """Raise `UsageError` when a service without keys would serve other machines.

    If the keys cannot be read, the service starts, but refuses requests until it has read them.
    """
    from api.auth.access import is_local
    from storage.access.api_keys import ApiKeys
    from storage.connections import connect_redis

    if is_local(host) or settings.api_key_hashes:
        return
    try:
        store.check()
        if ApiKeys(connect_redis(settings), store).list():
            return
    except RoadmaskError as error:
        log.warning("The API keys cannot be read yet: %s", error.detail)
        return
    if not settings.no_keys:
        raise click.UsageError(
            f"There are no API keys, and {host} may be reached by others, who could then read and "
            "delete everything. Create a key with `roadmask keys create NAME`, or set "
            "ROADMASK_NO_KEYS=true to serve without keys."
        )
    log.warning("There are no API keys: everybody who reaches %s may do everything.", host)


def raise_file_limit(connections: int) -> None:
    """Raise the limit of open files, for this number of connections and for other files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
