"""Label Studio's own connector and SDK, which share no environment with ours, ask the API."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from roadmask.settings import Settings
from tests.api.fake_worker import SIZE, FakeWorker
from tests.api.pictures import digest, picture, put
from tests.api.server import ApiServer

HERE = Path(__file__).parent / "label_studio_peer"
KEY = "a key of the service"
HEADERS = {"X-API-Key": KEY}


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"api_key_hashes": [hashlib.sha256(KEY.encode()).hexdigest()]}
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds Label Studio's connector and its SDK."""
    venv, uv = tmp_path_factory.mktemp("label-studio") / "venv", Path(sys.executable).parent / "uv"
    python = venv / "bin" / "python"
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    subprocess.run([*install, "-r", HERE / "requirements.txt"], check=True)
    # The connector is one file of the application, which would bring 400 MB of its own.
    subprocess.run([*install, "--no-deps", "-r", HERE / "application.txt"], check=True)
    return python


def asked(python: Path, api: ApiServer, key: str, *images: str) -> dict[str, Any]:
    """What Label Studio makes of the backend's answers."""
    command: list[str | Path] = [
        python,
        HERE / "asking.py",
        f"{api.url}/label-studio",
        key,
        *images,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.timeout(300)
def test_label_studio_connects_and_its_sdk_takes_the_predictions(
    python: Path, empty_api: ApiServer, working: FakeWorker
) -> None:
    with httpx.Client(base_url=empty_api.url, headers=HEADERS) as client:
        put(client, picture())
    said = asked(python, empty_api, KEY, f"sha256-{digest(picture())}", "scenes/unknown")
    assert said["calls"] == {call: ["ok", 200] for call in ("health", "setup", "predict")}
    assert said["setup"] == {"model_version": "default"}
    assert said["complaints"] == [[], []]
    assert said["alpha"] == [[[255] * (SIZE[0] * SIZE[1])], []]


@pytest.mark.timeout(300)
def test_label_studio_sees_that_a_key_is_wrong(python: Path, empty_api: ApiServer) -> None:
    said = asked(python, empty_api, "wrong", "scenes/000001")
    assert said["calls"]["predict"] == ["error", 401]
