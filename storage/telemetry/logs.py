"""Logs of the service's processes: one line for each event, with the ids of its request or job.

All code logs through `logging`. The formatter adds the ids that the thread or task has bound
(`request_id`, `key_id`, `job_id`, `item`; see `storage.telemetry.log_context`), and the `extra=` of
the call.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from roadmask.settings import LogFormat
from storage.telemetry.log_context import log_context

QUIETER = {
    # Celery logs each message. The worker's own line for each chunk has more information.
    "celery.worker.strategy": "WARNING",
    "celery.app.trace": "WARNING",
    # urllib3 warns at each retry. The service logs an outage once.
    "urllib3.connectionpool": "ERROR",
}
"""Levels of libraries that log too much at INFO."""
IDS = ("request_id", "key_id", "job_id", "item", "image")
"""Names that come first in a text line."""
_OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
"""Attributes of a record that do not come from `extra=`. `color_message` is uvicorn's."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(log_format: LogFormat) -> None:
    """Log everything from INFO to stderr, as JSON or as text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_formatter(log_format))
    logging.basicConfig(level="INFO", handlers=[handler], force=True)
    for name, level in QUIETER.items():
        logging.getLogger(name).setLevel(level)


def log_formatter(log_format: LogFormat) -> logging.Formatter:
    """The formatter of one handler."""
    return LogFormatter(_render_json if log_format == "json" else _render_text)


class LogFormatter(logging.Formatter):
    """Formats the message of a record, its `extra=` and the log context as one event."""

    def __init__(self, render: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; a traceback may add others."""
        event = {**log_context(), "event": record.getMessage()}
        event |= {"level": record.levelname.lower(), "logger": record.name}
        event |= {k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD}
        event["time"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._render(event)


def _render_json(event: dict[str, Any]) -> str:
    return json.dumps(event, default=repr)


def _render_text(event: dict[str, Any]) -> str:
    """`TIME LEVEL LOGGER: EVENT name=value …`, then the traceback in lines of its own."""
    time, level, logger = (event.pop(name) for name in ("time", "level", "logger"))
    message, exception = event.pop("event"), event.pop("exception", None)
    names = sorted(event, key=lambda name: IDS.index(name) if name in IDS else len(IDS))
    pairs = "".join(f" {name}={_quoted(event[name])}" for name in names)
    line = f"{time} {level.upper():<8} {logger}: {_escaped(str(message))}{pairs}"
    return f"{line}\n{exception}" if exception else line


def _quoted(value: object) -> str:
    text = _escaped(str(value))
    return f'"{text}"' if " " in text or not text else text


def _escaped(text: str) -> str:
    """Escape control characters, so that a client cannot inject lines into the log."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
