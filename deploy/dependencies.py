"""Prints what client and service depend on, for the given extras of the service.

    python dependencies.py api worker | pip install --requirement /dev/stdin

Images install it in a layer of its own, before the sources, which change more often.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CLIENT, SERVICE = Path("pyproject.toml"), Path("server/pyproject.toml")


def main(extras: Iterable[str]) -> None:
    """Print a line for each requirement."""
    client, service = (tomllib.loads(path.read_text())["project"] for path in (CLIENT, SERVICE))
    found = dict.fromkeys(requirements(client, ["formats"]))
    found |= dict.fromkeys(requirements(service, extras))
    sys.stdout.write("\n".join(found) + "\n")


def requirements(project: dict[str, Any], extras: Iterable[str]) -> Iterator[str]:
    """The requirements of a package with extras, without those on Roadmask itself."""
    optional: dict[str, list[str]] = project["optional-dependencies"]
    for text in (*project["dependencies"], *(one for extra in extras for one in optional[extra])):
        own = re.match(r"roadmask-server\[([^\]]+)\]", text)
        if own:
            yield from requirements(project, own[1].split(","))
        elif not text.startswith("roadmask"):
            yield text


if __name__ == "__main__":
    main(sys.argv[1:])
