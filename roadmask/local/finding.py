"""The outcome of a check of this machine, of a service, or of its settings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from roadmask.errors import RoadmaskError


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    ok: bool
    detail: str
    """What was found; after a failure also what to do."""
    is_remark: bool = False
    """Whether nothing was found wrong, but the operator should know the detail."""


class CheckFailed(Exception):
    """A check failed; the text says what to do."""


class Remark(Exception):
    """A check neither passed nor failed; the text says why, and what follows."""


def find(name: str, check: Callable[[], str]) -> Finding:
    """Run a check, which returns what it found."""
    try:
        return Finding(name, True, check())
    except Remark as remark:
        return Finding(name, True, str(remark), is_remark=True)
    except RoadmaskError as error:
        return Finding(name, False, f"{error.title}. {error.detail}")
    except (CheckFailed, OSError, httpx.HTTPError, subprocess.SubprocessError) as error:
        return Finding(name, False, str(error) or type(error).__name__)
