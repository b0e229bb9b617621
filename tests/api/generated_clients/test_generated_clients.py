"""Clients that others generate from the OpenAPI document: they are generated, compiled and run."""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from roadmask.masks.codec import decode_mask
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import digest, picture
from tests.harness.worker.fake_worker import FakeWorker

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"

pytestmark = pytest.mark.slow


@pytest.fixture
def document(client: httpx.Client, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(client.get("/openapi.json").content)
    return path


@pytest.fixture(autouse=True)
def masks(client: httpx.Client, worker: FakeWorker) -> Iterator[None]:
    """A worker that finishes each job that comes."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            for job in client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"]:
                worker.finish(job["id"])
            time.sleep(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


def run(*command: str | Path, cwd: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_python_client(
    api: ApiServer, document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Path(sys.executable).with_name("openapi-python-client")
    words = ("--path", document, "--output-path", tmp_path / "generated", "--meta", "none")
    told = run(program, "generate", *words, cwd=tmp_path)
    assert "will be omitted" not in told
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def part(name: str) -> Any:
        return importlib.import_module(f"generated.{name}")

    models, types = part("models"), part("types")
    with part("client").AuthenticatedClient(api.url, token="none") as client:
        photo = types.File(io.BytesIO(picture()), "front.jpg", "image/jpeg")
        form = models.UploadImagesBody(files=[photo])
        [uploaded] = part("api.images.upload_images").sync(client=client, body=form)
        put = part("api.truths.put_truth")
        answer = put.sync_detailed("0" * 64, client=client, body=types.File(io.BytesIO(b"none")))
        assert answer.parsed.code == "hash_mismatch"
        request = models.JobCreate(images=[models.ImageRef(id=uploaded.image.id)])
        job = part("api.jobs.create_job").sync(client=client, body=request, wait=20)
        assert job.state == "succeeded"
        [item] = part("api.items.list_items").sync(job.id, client=client).items
        mask = part("api.items.get_mask").sync(job.id, item.index, client=client)
        png = mask.payload.read()
        assert digest(png) == item.result.mask_sha256
        assert decode_mask(png).max() == 1
        archive = part("api.jobs.job_archive").sync(job.id, client=client)
        assert archive.payload.read(2) == b"PK"
        lines = part("api.jobs.job_results").sync(job.id, client=client).payload.read()
        assert json.loads(lines)["custom_id"] == "front.jpg"
        missing = part("api.images.get_image").sync("no/image", client=client)
        assert missing.code == "image_not_found"


def test_a_typescript_client(api: ApiServer, document: Path, tmp_path: Path) -> None:
    if not NODE_MODULES.exists():
        run("npm", "ci", "--silent", "--ignore-scripts", cwd=HERE)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "client.ts").write_text((HERE / "client.ts").read_text())
    run(NODE_MODULES / ".bin/openapi-typescript", document, "-o", "schema.d.ts", cwd=tmp_path)
    strict = ("--strict", "--noEmit", "--skipLibCheck", "--target", "esnext", "--types", "node")
    run(NODE_MODULES / ".bin/tsc", *strict, "--module", "nodenext", "client.ts", cwd=tmp_path)
    photo = base64.b64encode(picture()).decode()
    told = json.loads(run("node", "client.ts", api.url, photo, cwd=tmp_path))
    assert (told["name"], told["flat"], told["code"]) == ("front.jpg", 1, "image_not_found")
    assert decode_mask(base64.b64decode(told["png"])).max() == 1
