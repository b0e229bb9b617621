"""`roadmask api` without keys serves its own machine only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.auth.access import is_local
from roadmask.settings import Settings
from storage.access.api_key import Scope
from storage.backends import StorageBackends
from tests.harness.client.program import call_roadmask
from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from tests.servers.service import Api

SECRET = "signs links in tests of the program"


@pytest.fixture
def env(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> dict[str, str]:
    return {
        "ROADMASK_REDIS_URL": redis_server.url,
        "ROADMASK_DATA_DIR": str(tmp_path / "data"),
        "ROADMASK_SECRET": SECRET,
    }


def own_address() -> str:
    """An address of this machine that others may reach, too."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    return found.split()[0] if found.split() else "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_another_address_needs_a_word(env: dict[str, str], tmp_path: Path, host: str) -> None:
    (tmp_path / "data/objects").mkdir(parents=True)
    done = call_roadmask("api", "--host", host, "--port", str(free_port()), cwd=tmp_path, **env)
    assert done.returncode == 2
    assert "ROADMASK_NO_KEYS" in done.stderr
    assert "roadmask keys create" in done.stderr


class OpenApi(Api):
    """The API on all addresses."""

    def __init__(self, folder: Path, env: dict[str, str], *more: str) -> None:
        super().__init__(folder, env)
        self._arguments = ("api", "--host", "0.0.0.0", "--port", str(self.port), *more)


@pytest.mark.slow
@pytest.mark.skipif(own_address().startswith("127."), reason="the machine has no other address")
def test_on_all_addresses_only_this_machine_is_served_until_there_is_a_key(
    env: dict[str, str], tmp_path: Path
) -> None:
    with OpenApi(tmp_path / "open", env, "--no-keys") as api:
        url = f"http://{own_address()}:{api.port}/v1/taxonomy"
        assert httpx.get(url).is_success
        assert "There are no API keys" in api.log.read_text()
    settings = Settings(redis_url=env["ROADMASK_REDIS_URL"], data_dir=tmp_path / "data")
    StorageBackends.open(settings).api_keys.create("a", [Scope.READ])
    with OpenApi(tmp_path / "keyed", env) as api:
        assert httpx.get(f"http://{own_address()}:{api.port}/v1/taxonomy").status_code == 401


@pytest.mark.parametrize(
    ("address", "local"),
    [
        *((local, True) for local in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "/run/socket")),
        *((other, False) for other in ("0.0.0.0", "::", "10.0.0.1", "api", "")),
    ],
)
def test_what_is_local(address: str, local: bool) -> None:
    assert is_local(address) == local


@pytest.mark.parametrize("secret", ["a", "change-me-now", "minioadmin", "x" * 40, "short-one"])
def test_sample_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        Settings(secret=secret)
    if secret != "short-one":
        with pytest.raises(ValueError, match="openssl rand"):
            Settings(minio_secret_key=secret)
