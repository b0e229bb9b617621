"""The compose file: it loads, and each command in it runs as written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENV = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy/example.env").read_text().splitlines()
    if line and not line.startswith("#")
)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_every_service_is_checked_limited_and_restarted() -> None:
    assert set(SERVICES) == {
        "secrets",
        "operator",
        "redis",
        "objects",
        "bucket",
        "api",
        "scheduler",
        "worker",
        "worker-gpu",
    }
    for name, service in SERVICES.items():
        if name in ("secrets", "bucket", "operator"):
            continue
        assert service["healthcheck"]["test"], name
        assert service["mem_limit"], name
        assert service["restart"] == "unless-stopped", name
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    for name in ("worker", "worker-gpu"):
        assert SERVICES[name]["init"], "no process of a container can kill its first one"
    assert "--appendonly yes" in " ".join(SERVICES["redis"]["command"])


def test_uploads_wait_on_disk_and_not_in_the_memory_of_the_api() -> None:
    api = SERVICES["api"]
    assert (api["tmpfs"], api["volumes"]) == ([], ["/tmp", "secrets-api:/secrets:ro"])


def test_the_targets_that_services_build_are_in_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for service in SERVICES.values():
        if "build" in service:
            stage = dockerfile.split(f"AS {service['build']['target']}\n")[1].split("FROM")[0]
            assert "USER roadmask" in stage
    assert dockerfile.count("USER roadmask") == 4


def test_images_have_bytecode_because_their_containers_write_none() -> None:
    base, environment, *_ = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1:]
    assert "PYTHONDONTWRITEBYTECODE=1" in (ROOT / "Dockerfile").read_text()
    assert "python -m compileall" in base, "of the standard library"
    assert "UV_COMPILE_BYTECODE=1" in environment, "of all packages"


if shutil.which("go"):

    @pytest.mark.timeout(300)
    @pytest.mark.parametrize(
        ("override", "more"),
        [
            ([], set()),
            (["deploy/seaweedfs.yml"], set()),
            (["deploy/monitoring.yml"], {"prometheus"}),
        ],
    )
    def test_the_file_loads_as_docker_compose_loads_it(override: list[str], more: set[str]) -> None:
        loader = ["go", "run", "-C", str(ROOT / "tests/deploy/loader"), "."]
        files = [str(ROOT / name) for name in ("docker-compose.yml", *override)]
        done = subprocess.run(
            [*loader, *files], env=os.environ | ENV, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) == set(SERVICES) | more


def test_no_service_has_more_rights_than_it_needs() -> None:
    mounts = {
        name: [str(volume) for volume in service.get("volumes", []) if "secrets-" in str(volume)]
        for name, service in SERVICES.items()
    }
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        assert name == "secrets" or len(mounts[name]) == 1, name
    assert mounts["api"] == ["secrets-api:/secrets:ro"]
    assert mounts["worker"] == ["secrets-worker:/secrets:ro"]
    assert {name for name, found in mounts.items() if "secrets-objects:/secrets:ro" in found} == {
        "objects",
        "bucket",
    }
    reach_redis = {name for name, one in SERVICES.items() if "records" in one.get("networks", [])}
    assert reach_redis == {"redis", "api", "scheduler", "worker", "worker-gpu", "operator"}
    assert COMPOSE["networks"]["records"] == {"internal": True}


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "deploy/example.env").read_text()
    assert "change-me" not in text
    for name in ("SECRET_KEY", "ACCESS_KEY", "REDIS_URL", "PASSWORD:"):
        assert name not in text
