"""The program without a service: what it says, how it ends, what it loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import roadmask
from roadmask.settings import Settings
from tests.harness.client.program import Run, call_roadmask
from tests.servers.process import HOST, free_port

OWN = (
    *("up", "demo", "segment", "batch", "ingest", "download", "jobs"),
    *("share", "delete", "annotations", "webhook", "doctor", "config"),
)
BROUGHT = entry_points(group="roadmask.commands").names


def test_help_names_every_command(program: Run) -> None:
    done = program("--help")
    assert done.returncode == 0
    lines = done.stdout.partition("Commands:\n")[2].splitlines()
    texts = dict(line.split(maxsplit=1) for line in lines)
    assert texts.keys() == {*OWN, *BROUGHT}


def test_the_package_runs_as_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roadmask", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"python -m roadmask, version {roadmask.__version__}\n"


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


def test_wrong_use_cannot_ring_or_colour_a_terminal(alone: Run) -> None:
    done = alone("segment", "bell\a\x1b]0;title\a.jpg")
    assert done.returncode == 2
    assert "There is no file bell\ufffd\ufffd]0;title\ufffd.jpg." in done.stderr


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


def test_config_shows_what_is_set_and_no_secret(tmp_path: Path) -> None:
    env = {
        "ROADMASK_API_KEY": "my-key",
        "ROADMASK_SECRET": "0123456789abcdef0123",
        "ROADMASK_MAX_BATCH": "4",
        "ROADMASK_MODLE": "x",
    }
    done = call_roadmask("config", cwd=tmp_path, **env)
    assert done.returncode == 0
    assert "ROADMASK_MAX_BATCH  4" in done.stdout
    assert "ROADMASK_LEASE_S" not in done.stdout
    assert done.stderr == (
        "ROADMASK_MODLE is no variable of Roadmask. Did you mean ROADMASK_MODEL?\n"
    )
    told = json.loads(call_roadmask("config", "--json", cwd=tmp_path, **env).stdout)
    values = {each["name"]: each for each in told["variables"]}
    assert not any("\n" in each["meaning"] for each in told["variables"])
    assert values["ROADMASK_API_KEY"]["value"] == values["ROADMASK_SECRET"]["value"] == "(set)"
    assert values["ROADMASK_LEASE_S"]["is_set"] is False
    assert told["unknown"] == ["ROADMASK_MODLE"]
    for output in (done.stdout, json.dumps(told)):
        assert "my-key" not in output
        assert "0123456789abcdef" not in output


def test_a_setting_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    done = call_roadmask("config", cwd=tmp_path, ROADMASK_MAX_BATCH="many")
    assert done.returncode == 2
    assert "ROADMASK_MAX_BATCH: Input should be a valid integer" in done.stderr


def test_config_check_tries_the_servers(settings: Settings, tmp_path: Path) -> None:
    env = {
        "ROADMASK_REDIS_URL": settings.redis_url,
        "ROADMASK_SECRET": "0123456789abcdef0123",
        "ROADMASK_DATA_DIR": str(tmp_path),
    }
    done = call_roadmask("config", "check", cwd=tmp_path, **env)
    assert done.returncode == 0, done.stdout
    assert " ok  queue " in done.stdout
    env["ROADMASK_REDIS_URL"] = f"redis://{HOST}:{free_port()}/0"
    done = call_roadmask("config", "check", "--json", cwd=tmp_path, **env)
    assert done.returncode == 1
    first, *others = json.loads(done.stdout)
    assert (first["name"], first["ok"]) == ("Redis", False)
    assert "Nothing listens" in first["detail"]
    assert all(finding["ok"] for finding in others)
    done = call_roadmask("config", "check", cwd=tmp_path, ROADMASK_REDIS_URL="http://x")
    assert done.returncode == 2
    assert "ROADMASK_REDIS_URL" in done.stderr


def test_config_prints_the_completion_of_a_shell(alone: Run) -> None:
    assert "_ROADMASK_COMPLETE=fish_complete" in alone("config", "--completion", "fish").stdout
