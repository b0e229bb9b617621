"""How a command ends: one exit code for each kind of ending."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import NoReturn

import click


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILURES = 1
    """Finished, but something failed."""
    USAGE = 2
    """The command or its input makes no sense as given."""
    UNREACHABLE = 3
    """The service does not answer."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C."""


def run(command: click.Command) -> NoReturn:
    """Run a command to its end and exit with its code."""
    try:
        code = command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        sys.exit(_explain(error))
    sys.exit(code if isinstance(code, int) else Exit.OK)


def _explain(error: Exception) -> Exit:
    """Say what went wrong in words, where it is known; the code to exit with."""
    from roadmask.errors import InvalidRequest, RoadmaskError, ServiceUnreachable

    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}", err=True)
        return Exit.FAILURES
    if not isinstance(error, RoadmaskError):
        raise error
    click.echo(f"Error: {error.detail}", err=True)
    if isinstance(error, ServiceUnreachable):
        return Exit.UNREACHABLE
    return Exit.USAGE if isinstance(error, InvalidRequest) else Exit.FAILURES
