"""The command line that runs one of our modules in a Python process of its own."""

from __future__ import annotations

import sys


def python_command(module: str, *arguments: object) -> list[str]:
    """`python -P -m MODULE ARGUMENTS…` with the interpreter that runs this process.

    `-P` keeps the working directory off the import path: a user's own `api.py` or `storage/`
    there must not shadow ours.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]
