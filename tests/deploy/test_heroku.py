"""Heroku's files: their targets are in the Dockerfile, their commands and variables are ours."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from roadmask.settings import Settings
from tests.harness.client.program import call_roadmask

ROOT = Path(__file__).parents[2]
FILES = ("heroku.yml", "deploy/heroku-dynos.yml")


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


@pytest.mark.parametrize("name", FILES)
def test_targets_and_commands_exist(name: str, tmp_path: Path) -> None:
    file = loaded(name)
    # The members that Heroku knows.
    assert file.keys() <= {"setup", "build", "release", "run"}
    images = file["build"]["docker"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert all(f" AS {image['target']}\n" in dockerfile for image in images.values())
    assert set(file["run"]) == set(images)
    assert file["release"]["image"] in images
    for command in (*file["release"]["command"], *file["run"].values()):
        words = [word for word in shlex.split(command) if "=" not in word]
        assert words.pop(0) == "roadmask"
        port = [word.replace("$PORT", "5000") for word in words]
        # An option that does not exist is an error also beside --help.
        assert call_roadmask(*port, "--help", cwd=tmp_path).returncode == 0, command
    assert "$PORT" in file["run"]["web"]


def test_the_button_sets_variables_that_are_read() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert app["stack"] == "container"
    own = {name for name in app["env"] if name.startswith("ROADMASK_")}
    assert own <= {f"ROADMASK_{field.upper()}" for field in Settings.model_fields}
    assert app["env"].keys() - own == {"MALLOC_ARENA_MAX"}
    documented = (ROOT / "docs/deployments.md").read_text()
    heroku = documented.partition("## Heroku")[2].partition("## Azure")[0]
    assert set(re.findall(r"ROADMASK_\w+(?==)", heroku)) <= own
