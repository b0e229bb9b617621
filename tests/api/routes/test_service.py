"""The service tells of itself, documents itself without any other host, and stays light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import httpx
from redis import Redis

from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.settings import Settings
from storage.objects.local import LocalStore
from storage.telemetry.readiness import FRESH_S
from storage.workers import WorkerRegistry
from tests.harness.api.submission import submit
from tests.harness.images.api_images import put_many
from tests.servers.service import Api


def test_the_taxonomy_is_the_masks_legend(client: httpx.Client) -> None:
    taxonomy = client.get("/v1/taxonomy").json()
    assert (taxonomy["name"], taxonomy["void"]) == (CITYSCAPES.name, 0)
    assert [tuple(c["color"]) for c in taxonomy["categories"]] == [
        category.color for category in CITYSCAPES.categories
    ]


def test_the_service_tells_of_queues_and_workers(client: httpx.Client, redis: Redis) -> None:
    submit(client, put_many(client, 2), lane="batch")
    for n, lanes in enumerate((["batch"], ["batch", "interactive"])):
        facts = {"model": "m@1", "lanes": lanes, "images_per_second": 1.5, "pid": n}
        WorkerRegistry(redis).heartbeat(f"w{n}", facts)
    service = client.get("/v1/service").json()
    assert service["version"] == version("roadmask")
    assert service["store"] == "local"
    assert service["lanes"]["batch"] == {
        "images": 2,
        "messages": 2,
        "images_per_second": 3.0,
    }
    assert service["lanes"]["interactive"] == {
        "images": 0,
        "messages": 0,
        "images_per_second": 1.5,
    }
    assert [worker["id"] for worker in service["workers"]] == ["w0", "w1"]
    assert service["workers"][1]["pid"] == 1
    assert service["models"] == ["m@1"]


def test_it_lives(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}


def test_it_is_ready_once_each_lane_is_consumed(client: httpx.Client, redis: Redis) -> None:
    def checked() -> httpx.Response:
        time.sleep(FRESH_S)
        return client.get("/readyz")

    checks = {"redis": "ok", "store": "ok", "workers": "ok", "reconciler": "ok"}
    workers = WorkerRegistry(redis)
    assert checked().json()["code"] == "workers_unavailable"
    workers.heartbeat("w0", {"lanes": ["batch", "interactive"], "consuming": ["batch"]})
    waiting = checked()
    assert waiting.status_code == 503
    assert "No worker consumes the lane interactive." in waiting.json()["detail"]
    assert waiting.json()["checks"] == checks | {"workers": waiting.json()["detail"]}
    workers.heartbeat("w1", {"lanes": ["interactive"], "consuming": ["interactive"]})
    assert checked().json() == {"status": "ready", "checks": checks}


def test_the_documentation_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith(("docs/", "data:"))
        if link.startswith("docs/"):
            assert client.get(f"/{link}").is_success
    assert "https://" not in page.text
    assert "<script>" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert client.get("/openapi.json").json()["info"]["title"] == "Roadmask"


def test_signatures_do_not_reach_the_log(
    settings: Settings, store: LocalStore, tmp_path: Path
) -> None:
    env = {
        "ROADMASK_REDIS_URL": settings.redis_url,
        "ROADMASK_DATA_DIR": str(settings.data_dir),
        "ROADMASK_SECRET": settings.secret.get_secret_value(),
        "ROADMASK_LOG_FORMAT": "json",
    }
    store.put("a/b", b"bytes", "image/png")
    with Api(tmp_path, env) as process:
        link = store.url("a/b", timedelta(minutes=1)).replace(settings.public_url, process.url)
        assert httpx.get(link).content == b"bytes"
    log = process.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    request = next(line for line in lines if line["event"] == "request")
    assert (request["method"], request["path"]) == ("GET", "/v1/objects/a/b")
    assert "signature" not in log


def test_an_app_can_be_made_without_anything_heavy() -> None:
    heavy = {"tensorflow", "keras", "openvino", "albumentations", "cv2", "ml", "worker"}
    script = (
        "import sys; from api.app import create_app; create_app().openapi(); "
        f"print(*sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
