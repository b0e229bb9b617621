"""`roadmask api`: serve the HTTP front."""

from __future__ import annotations

import copy
import logging
from typing import Any

import click

SHUTDOWN_S = 5
"""How long open requests, event streams among them, may take to end, seconds."""


class WithoutQuery(logging.Filter):
    """Cuts the query off logged addresses: it can hold a signature."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the address in place and keep the record."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, address, *rest = record.args
            record.args = (client, method, str(address).partition("?")[0], *rest)
        return True


def server_options() -> dict[str, Any]:
    """What uvicorn is told besides where to listen."""
    from uvicorn.config import LOGGING_CONFIG

    logs = copy.deepcopy(LOGGING_CONFIG)
    logs["filters"] = {"without_query": {"()": "api.cli.WithoutQuery"}}
    logs["handlers"]["access"]["filters"] = ["without_query"]
    return {
        "log_config": logs,
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": SHUTDOWN_S,
    }


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
def api(host: str, port: int) -> None:
    """Serve the HTTP API."""
    import uvicorn

    from api.memory import give_back

    give_back()
    uvicorn.run("api.app:create_app", factory=True, host=host, port=port, **server_options())
