"""Label Studio, which shares no environment with ours, connects the API and asks it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import picture, put
from tests.harness.worker.tiny_model import expected_confidence, expected_mask
from tests.servers.worker import TinyWorker

HERE = Path(__file__).parent / "label_studio_peer"
ROOT = Path(__file__).parents[3]
KEY = "a key of the service"
HEADERS = {"X-API-Key": KEY}
UNKNOWN = "scenes/unknown"


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"api_key_hashes": [hashlib.sha256(KEY.encode()).hexdigest()]}
    )


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment that holds Label Studio, kept for the runs that follow.

    Most of its cost is the bytecode of its packages, which Python compiles as they are imported.
    """
    asked = HERE / "requirements.txt"
    made_of = f"{sys.version} {asked.read_text()}"
    venv = ROOT / "build/label-studio" / hashlib.sha256(made_of.encode()).hexdigest()[:12]
    python, ready, uv = venv / "bin/python", venv / "ready", Path(sys.executable).parent / "uv"
    if not ready.exists():
        create: list[str | Path] = [uv, "venv", "--quiet", "--clear", "--python", sys.executable]
        subprocess.run([*create, venv], check=True)
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
        subprocess.run([*install, "-r", asked], check=True)
        ready.touch()
    return python


@pytest.mark.timeout(300)
def test_label_studio_connects_and_keeps_the_predictions(
    python: Path, empty_api: ApiServer, settings: Settings, tmp_path: Path
) -> None:
    image = picture(file_format="PNG")
    with httpx.Client(base_url=empty_api.url, headers=HEADERS) as client:
        image_id = put(client, image)
    url = f"{empty_api.url}/label-studio"
    command: list[str | Path] = [python, HERE / "asking.py", tmp_path, url, KEY, image_id, UNKNOWN]
    with TinyWorker(tmp_path / "worker", settings, "slow"):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    status, words = said["refused"]
    assert (status, "authentication parameters" in words) == (400, True)
    assert said["connected"] == [201, "Connected"]
    assert said["retrieved"] == 200
    assert said["predictions"] == {image_id: 1, UNKNOWN: 0}
    assert "There is no image 'scenes/unknown'" in done.stdout + done.stderr
    assert said["versions"] == ["brightness@1"]
    assert said["complaints"] == [[]]
    pixels = np.array(Image.open(io.BytesIO(image)))
    assert said["scores"] == [pytest.approx(expected_confidence(pixels).mean(), abs=1 / 510)]
    mask = expected_mask(pixels).ravel()
    assert said["alpha"] == [
        {
            category.name: np.where(mask == category.index, 255, 0).tolist()
            for category in CITYSCAPES.categories
            if category.index in mask
        }
    ]
