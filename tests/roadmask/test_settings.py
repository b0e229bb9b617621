"""A wrong setting stops a process with one sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.client.program import call_roadmask

WRONG = {
    "ROADMASK_REDIS_URL": ("foo://x", "redis://"),
    "ROADMASK_STORE": ("s3", "'minio'"),
    "ROADMASK_MINIO_ENDPOINT": ("http://a:9000/x", "host:port"),
    "ROADMASK_MINIO_BUCKET": ("A_b", "lower-case"),
    "ROADMASK_PUBLIC_URL": ("localhost:8000", "http://"),
    "ROADMASK_LEASE_S": ("-1", "greater than 0"),
    "ROADMASK_WEBHOOK_HOSTS": ("abc", "JSON"),
    "ROADMASK_WEBHOOK_SECRET": ("x", "whsec_"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_with_its_remedy(name: str, tmp_path: Path) -> None:
    value, remedy = WRONG[name]
    done = call_roadmask("worker", cwd=tmp_path, **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {name}: ")
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_without_its_secret_is_refused(tmp_path: Path) -> None:
    done = call_roadmask("worker", cwd=tmp_path, ROADMASK_STORE="minio")
    assert "ROADMASK_MINIO_SECRET_KEY is empty" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p%40ss@host:6379/0",
        "rediss://host:6380/1?ssl_ca_certs=/ca.pem",
        "unix:///run/r.sock",
    ],
)
def test_every_kind_of_redis_url_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from roadmask.settings import Settings

    monkeypatch.setenv("ROADMASK_REDIS_URL", url)
    assert Settings().redis_url == url
