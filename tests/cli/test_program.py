"""The program without a service: what it says, how it ends, what it loads."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.servers.process import HOST, free_port

OWN = (
    *("up", "demo", "segment", "batch", "ingest", "jobs"),
    *("annotations", "webhook", "doctor"),
)
BROUGHT = entry_points(group="roadmask.commands").names


def test_help_names_every_command(alone: Run) -> None:
    done = alone("--help")
    assert done.returncode == 0
    lines = done.stdout.partition("Commands:\n")[2].splitlines()
    told = dict(line.split(maxsplit=1) for line in lines)
    assert told.keys() == {*OWN, *BROUGHT}


def test_help_loads_nothing_of_weight() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from roadmask.cli.main import roadmask\n"
        "assert CliRunner().invoke(roadmask, ['--help']).exit_code == 0\n"
        "print(*{'httpx', 'numpy', 'pydantic', 'rich', 'PIL', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("", 0)


def test_importing_roadmask_loads_nothing_but_itself() -> None:
    script = (
        "import sys; import roadmask; print(*{'httpx', 'numpy', 'pydantic'} & set(sys.modules))\n"
        "for name in roadmask.__all__: getattr(roadmask, name)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("", 0)


@pytest.mark.parametrize("command", [*OWN, *sorted(BROUGHT)])
def test_every_command_explains_itself(alone: Run, command: str) -> None:
    done = alone(command, "--help")
    assert done.returncode == 0
    assert re.search(rf"^Usage: .*\b{command}\b", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("batch",),
        ("batch", ".", "--out", "masks", "--format", "gif"),
        ("batch", "nowhere", "--out", "masks"),
        ("segment",),
        ("jobs", "--cancel"),
        ("ingest", "empty"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_use_is_2(alone: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    done = alone(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("batch", "photos", "--out", "masks"), ("segment", "photos/one.jpg"), ("jobs",)],
    ids=lambda arguments: arguments[0],
)
def test_no_service_is_3_at_once(alone: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_bytes(b"photo")
    done = alone(*arguments, "--url", f"http://{HOST}:{free_port()}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "roadmask up" in done.stderr
    assert "--local" not in done.stderr


def test_the_doctor_names_what_is_broken(alone: Run) -> None:
    assert alone("doctor", "--data-dir", "/proc/none").returncode == 1
    done = alone("doctor", "--url", f"http://{HOST}:{free_port()}")
    assert done.returncode == 1
    assert "FAIL API" in done.stdout
