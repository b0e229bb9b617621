"""Logs of the service's processes: one line for each event, with the ids of what it is about.

All code logs through `logging`. The formatter adds the ids that the thread or task has bound with
`structlog.contextvars.bound_contextvars` (`request_id`, `key_id`, `job_id`, `item`), and the
`extra=` of the call.
"""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from roadmask.settings import LogFormat

QUIETER = {
    # Celery logs each message; our line for each chunk says more.
    "celery.worker.strategy": "WARNING",
    "celery.app.trace": "WARNING",
    # One warning for each of several tries; our own line names the outage once.
    "urllib3.connectionpool": "ERROR",
}
"""Least level of libraries that log too much at INFO."""
IDS = ("request_id", "key_id", "job_id", "item", "image")
"""What a text line names first."""
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
    with_ids: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer() if log_format == "json" else _render_text
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=with_ids,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _drop_colours(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # of uvicorn: the same message again, with escape codes
    return event


def _render_text(_: WrappedLogger, __: str, event: EventDict) -> str:
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
    """Without line breaks, so that no client can write a line of its own into the log."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
