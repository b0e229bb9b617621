"""Stand-ins for the public base images, made of Debian's and Go's packages.

A machine that reaches an image registry does not need them; this one is not asked to.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.containers.engine import build, engine, has_image, is_docker
from tests.servers import minio, seaweedfs

PYTHON = "localhost/python:3.11-slim-bookworm"
FILES = Path(__file__).parent / "stand_ins"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


def make_base_image() -> None:
    """Make the stand-in of Python's image if it is missing. Docker pulls the real one."""
    if is_docker():
        return
    if not has_image(PYTHON):
        _import_debian()
    engine("tag", PYTHON, "docker.io/library/python:3.11-slim-bookworm")


def make_server_images(redis: str, objects: str) -> None:
    """Make the stand-ins that are missing, under the names that the compose file uses."""
    if is_docker():
        return
    if not has_image(redis):
        build(redis, FILES, ["--file", FILES / "redis.Containerfile"])
    if not has_image(objects):
        kind = "seaweedfs" if "seaweedfs" in objects else "minio"
        # The health check of the compose file runs MinIO's client.
        programs = {"minio": (minio.PROGRAM, minio.CLIENT), "seaweedfs": (seaweedfs.PROGRAM,)}
        with tempfile.TemporaryDirectory() as folder:
            for program in programs[kind]:
                shutil.copy(program.executable(), Path(folder) / program.name)
            build(objects, Path(folder), ["--file", FILES / f"{kind}.Containerfile"])


def _import_debian() -> None:
    """A minimal Debian with `python`, into which pip may install."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        options = ["--variant=minbase", f"--include={PACKAGES}"]
        bootstrap = ["debootstrap", *options, "bookworm", str(root)]
        subprocess.run(bootstrap, check=True, capture_output=True)
        (root / "usr/bin/python").symlink_to("python3")
        for file in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            file.unlink()
        shutil.rmtree(root / "var/cache/apt/archives")
        packed = Path(folder) / "root.tar"
        subprocess.run(["tar", "-C", root, "-cf", packed, "."], check=True)
        engine("import", packed, PYTHON)
