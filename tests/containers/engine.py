"""Docker where its daemon answers, else podman."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

# Podman 4.3 may not raise its own limits here, and crun does not know hybrid control groups.
PODMAN = ("podman", "--runtime", "runc")
LIMITS = ("--ulimit", "nofile=8192:8192", "--ulimit", "nproc=30000:30000")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILD_TIMEOUT_S = 1800


@cache
def program() -> tuple[str, ...] | None:
    """The words that call the engine; None without any."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], capture_output=True, check=False)
        if asked.returncode == 0:
            return ("docker",)
    return PODMAN if shutil.which("podman") and os.geteuid() == 0 else None


def is_docker() -> bool:
    return program() == ("docker",)


def engine(
    *words: str | Path, timeout_s: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command of the engine to its end. Raises `AssertionError` with its output."""
    command = [*(program() or PODMAN), *map(str, words)]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=timeout_s)
    output = f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert not check or done.returncode == 0, output
    return done


def limits() -> tuple[str, ...]:
    """Options that each container and each build needs."""
    return () if is_docker() else LIMITS


def has_image(name: str) -> bool:
    """Whether an image is on this machine."""
    return engine("image", "inspect", name, check=False).returncode == 0


def build(tag: str, context: Path, options: Sequence[str | Path] = ()) -> None:
    """Build an image; with podman on the network and with the certificates of this machine."""
    words: list[str | Path] = [*limits()]
    if not is_docker():
        words += ["--network", "host", "--pull=never"]
        if CERTIFICATES.is_file():
            mounted = f"{CERTIFICATES}:{CERTIFICATES}:ro"
            words += ["--volume", mounted, "--env", f"PIP_CERT={CERTIFICATES}"]
            words += ["--env", f"SSL_CERT_FILE={CERTIFICATES}"]
    engine("build", *words, *options, "--tag", tag, context, timeout_s=BUILD_TIMEOUT_S)


def image_mb(name: str) -> float:
    """The size of an image with its base, megabytes."""
    size = engine("image", "inspect", "--format", "{{.Size}}", name).stdout
    return int(size) / 1e6


def process_ids(container: str) -> list[int]:
    """The ids of all processes of a container, as this machine sees them."""
    first = int(json.loads(engine("inspect", container).stdout)[0]["State"]["Pid"])
    parents = dict(_parents())
    found = {first}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def memory_mb(container: str) -> float:
    """Memory of all processes of a container, megabytes; what they share counts once."""
    return sum(_proportional_kb(pid) for pid in process_ids(container)) / 1000


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name before it is in parentheses, and may have spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(folder.name), int(fields[1])


def _proportional_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
