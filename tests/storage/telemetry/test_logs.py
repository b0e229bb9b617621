"""Log lines: one for each event, with the ids that are bound, in both forms."""

from __future__ import annotations

import json
import logging

import pytest

from roadmask.settings import LogFormat
from storage.telemetry.log_context import bound
from storage.telemetry.logs import log_formatter


def line(log_format: LogFormat, message: str, *args: object, **extra: object) -> str:
    record = logging.LogRecord("worker.work", logging.INFO, __file__, 1, message, args, None)
    vars(record).update(extra)
    with bound(job_id="j1", item=3):
        return log_formatter(log_format).format(record)


def test_json_has_time_level_logger_and_ids() -> None:
    found = json.loads(line("json", "%d images", 3, seconds=0.5))
    assert found.pop("time").endswith("Z")
    assert found == {
        "event": "3 images",
        "level": "info",
        "logger": "worker.work",
        "job_id": "j1",
        "item": 3,
        "seconds": 0.5,
    }


def test_text_is_readable() -> None:
    text = line("text", "chunk ended", lane="batch", reason="no room").partition(" ")[2]
    assert text == 'INFO     worker.work: chunk ended job_id=j1 item=3 lane=batch reason="no room"'


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("forged", ["a\n2026 ERROR forged", "a\r\nb", "a\x1b[2J", "a\u2028b"])
def test_nobody_can_forge_a_line(log_format: LogFormat, forged: str) -> None:
    for text in (line(log_format, "asked for %s", forged), line(log_format, "asked", path=forged)):
        assert len(text.splitlines()) == 1
        assert "\x1b" not in text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_traceback_of_an_exception_is_kept(log_format: LogFormat) -> None:
    try:
        raise ValueError("the cause")
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
        record = logging.LogRecord("api", logging.ERROR, __file__, 1, "it failed", (), raised)
    text = log_formatter(log_format).format(record)
    assert "ValueError: the cause" in text
    assert "test_logs.py" in text
