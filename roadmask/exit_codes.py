"""Exit codes, and the message with which a command fails."""

from __future__ import annotations

import errno
import os
import re
import sys
from enum import IntEnum
from io import StringIO
from typing import TYPE_CHECKING, Any, NoReturn

import click

from roadmask.cli.display.output import say

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Exit(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    FAILURES = 1
    """The command ran, but something failed."""
    USAGE = 2
    """The command or its input is invalid."""
    UNREACHABLE = 3
    """The service does not answer."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C."""


def run(command: click.Command) -> NoReturn:
    """Run a command and exit with its code."""
    _open_closed_streams()
    try:
        code = command.main(standalone_mode=False)
    except click.ClickException as error:
        # Names of files and values of options may hold control characters.
        text = StringIO()
        error.show(text)
        say(text.getvalue().rstrip("\n"), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("Interrupted.", err=True)
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        sys.exit(_explain(error))
    sys.exit(code if isinstance(code, int) else Exit.OK)


def _open_closed_streams() -> None:
    """Open standard streams that the caller has closed (`>&-`), so that no other code checks them.

    Otherwise the next file that is opened would get the descriptor of a stream, and its output.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def exit_code(error: Exception) -> Exit:
    """The exit code that an error stands for."""
    from roadmask.errors import (
        DatasetNotFound,
        DatasetTaken,
        ImageNotFound,
        IncompatibleService,
        InsufficientScope,
        InvalidRequest,
        JobNotFound,
        ModelNotFound,
        ServiceUnreachable,
        TruthNotFound,
        Unauthorized,
    )

    if isinstance(error, ServiceUnreachable):
        return Exit.UNREACHABLE
    # Another key, name or address is needed: the same command would fail again.
    named = (JobNotFound, ImageNotFound, TruthNotFound, DatasetNotFound, ModelNotFound)
    keys = (Unauthorized, InsufficientScope, DatasetTaken)
    usage = (InvalidRequest, IncompatibleService, *keys, *named)
    return Exit.USAGE if isinstance(error, usage) else Exit.FAILURES


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem object of a known error, for JSON; raises any other error."""
    from roadmask.errors import RoadmaskError

    if isinstance(error, RoadmaskError):
        return error.problem()
    if not isinstance(error, OSError):
        raise error
    where = f"{error.filename}: " if error.filename else ""
    hint = ". Make room, then run the same command again." if error.errno == errno.ENOSPC else ""
    return {
        "code": "os_error",
        "title": "A file cannot be read or written",
        "detail": f"{where}{error.strerror or error}{hint}",
        "retryable": True,
    }


def _explain(error: Exception) -> Exit:
    """Print the message of a known error and return its exit code; raises any other error."""
    if wrong := _wrong_settings(error):
        for sentence in wrong:
            say(f"Error: {sentence}", err=True)
        return Exit.USAGE
    say(f"Error: {problem_of(error)['detail']}", err=True)
    return exit_code(error)


def _wrong_settings(error: Exception) -> list[str]:
    """A sentence for each wrong setting; empty if the error is another one."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    if isinstance(error, SettingsError):
        field = re.search(r'field "(\w+)"', str(error))
        if field is None:
            return [f"The settings cannot be read: {error}."]
        name = f"ROADMASK_{field[1].upper()}"
        return [f"{name}: its file in the folder ROADMASK_SECRETS_DIR is no text in UTF-8."]
    if not isinstance(error, ValidationError) or error.title != "Settings":
        return []
    return [_wrong_setting(one) for one in error.errors()]


def _wrong_setting(one: ErrorDetails) -> str:
    # The error of a check of several settings has an empty `loc`, and its text names them.
    name = "".join(f"ROADMASK_{str(field).upper()}: " for field in one["loc"][:1])
    return f"{name}{one['msg'].removeprefix('Value error, ')}."
