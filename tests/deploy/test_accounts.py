"""The secrets that compose makes, and the accounts with least rights, on a real MinIO."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roadmask.errors import StoreUnavailable
from roadmask.settings import Settings
from storage.objects.minio import MinioStore
from tests.servers import minio
from tests.servers.minio import MinioServer

DEPLOY = Path(__file__).parents[2] / "deploy"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not minio.available(), reason="neither `minio` nor `go` is here"),
]


def run(script: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, DEPLOY / script, *arguments], check=True)


class OwnMinio(MinioServer):
    """A MinIO whose root account is the one that compose makes."""

    secrets: Path

    def environment(self) -> dict[str, str]:
        files = ("root_user", "root_password")
        user, password = ((self.secrets / "objects" / name).read_text() for name in files)
        own = {"MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": password}
        return super().environment() | own


def test_secrets_are_made_once(tmp_path: Path) -> None:
    run("make_secrets.py", tmp_path)
    files = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    run("make_secrets.py", tmp_path)
    assert files == {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    passwords = [files[tmp_path / role / "roadmask_minio_secret_key"] for role in ROLES]
    assert len({*passwords, files[tmp_path / "redis/password"]}) == 4
    settings = Settings(_secrets_dir=tmp_path / "worker")
    assert settings.redis_url == f"redis://:{files[tmp_path / 'redis/password']}@redis:6379/0"
    assert settings.minio_access_key == "roadmask-worker"


ROLES = ("api", "worker", "operator")
KEYS = {
    "image": "images/aa/aa",
    "mask": "masks/aa/aa.png",
    "job": "jobs/a/job.json",
    "key": "keys/a.json",
    "model": "models/net/1/model.keras",
    "card": "cards/net/1.json",
    "deployment": "models/service!/1.json",
    "audit": "audit/a.jsonl",
}
WRITES = {
    "api": {"image", "mask", "job"},
    "worker": {"mask", "job", "model", "card", "audit"},
    "operator": set(KEYS),
}
READS = {
    "api": {"image", "mask", "job", "key", "model", "card", "deployment"},
    "worker": {"image", "mask", "job", "model", "card", "deployment", "audit"},
    "operator": set(KEYS),
}
DELETES = {
    "api": {"image", "mask", "job"},
    "worker": {"image", "mask", "job", "audit"},
    "operator": set(KEYS),
}


def may(action: Callable[[str], object]) -> set[str]:
    """The kinds of objects with which an action is not refused."""
    found = set()
    for kind, key in KEYS.items():
        try:
            action(key)
        except StoreUnavailable as error:
            if "AccessDenied" not in error.detail:
                raise
        else:
            found.add(kind)
    return found


def test_each_role_may_do_what_it_needs(tmp_path: Path) -> None:
    run("make_secrets.py", tmp_path / "secrets")
    OwnMinio.secrets = tmp_path / "secrets"
    with OwnMinio(tmp_path / "minio") as server:
        for _ in "ab":
            run("make_accounts.py", server.address, tmp_path / "secrets/objects")
        stores = {
            role: MinioStore(
                Settings(
                    store="minio",
                    minio_endpoint=server.address,
                    _secrets_dir=tmp_path / "secrets" / role,
                )
            )
            for role in ROLES
        }
        for key in KEYS.values():
            stores["operator"].put(key, b"a", "text/plain")
        for role, store in stores.items():
            store.check()
            assert set(store.keys("")) >= set(KEYS.values())
            assert may(store.get) == READS[role], role
            assert may(lambda key, s=store: s.put(key, b"b", "text/plain")) == WRITES[role], role  # type: ignore[misc]
        for role in ("api", "worker", "operator"):
            for key in KEYS.values():
                stores["operator"].put(key, b"a", "text/plain")
            assert may(stores[role].delete) == DELETES[role], role
