"""A wrong setting stops a process with one sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from roadmask.settings import Settings
from tests.harness.client.program import call_roadmask

WRONG = {
    "ROADMASK_REDIS_URL": ("foo://x", "redis://"),
    "ROADMASK_STORE": ("s3", "'minio'"),
    "ROADMASK_MINIO_ENDPOINT": ("http://a:9000/x", "host:port"),
    "ROADMASK_MINIO_BUCKET": ("A_b", "lower-case"),
    "ROADMASK_PUBLIC_URL": ("localhost:8000", "http://"),
    "ROADMASK_LEASE_S": ("inf", "less than or equal to 86400"),
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


OUT_OF_RANGE = {
    "lease_s": ("inf", "nan", "0", "-1", "1e300", "1e-300", "10s", "１０"),
    "item_deadline_s": ("inf", "1e9", "1e-9"),
    "reconcile_s": ("inf", "0"),
    "max_submissions_per_s": ("inf", "1e300", "1e-300", "-0.1"),
    "max_connections": ("0", "9" * 23, "1.5", ""),
    "max_batch": ("100000",),
    "retention_s": ("9" * 23, "59"),
    "keep_masks_days": ("-1", "1000000"),
    "webhook_pauses_s": ("[-1]", "[1e999]", "[NaN]", "[1e12]"),
    "data_dir": ("",),
    "model": ("", " "),
    "metrics_host": ("", "a b"),
    "minio_access_key": ("", "a b", "ü"),
    "minio_region": ("", "eu central", "ü"),
    "minio_bucket": ("a.-b", "192.168.1.1", "xn--abc", "abc-s3alias", "abc--ol-s3"),
    "minio_public_url": ("https://host/s3", "https://host:99999"),
    "public_url": ("", " "),
    "webhook_hosts": ('["h:80"]', '["http://h"]', f'["{"a" * 64}"]', '["h."]'),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_what_would_fail_later_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in OUT_OF_RANGE[name]:
        monkeypatch.setenv(f"ROADMASK_{name.upper()}", value)
        with pytest.raises(ValidationError) as told:
            Settings()
        assert told.value.errors()[0]["loc"][0] == name, value


def test_the_line_end_of_a_file_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "REDIS_URL": "redis://h/0\n",
        "MINIO_SECRET_KEY": " 0123456789abcdef\r\n",
        "STORE": "minio ",
        "API_KEY_HASHES": "[]\n",
        "DATA_DIR": "/srv/a b \n",
        "LEASE_S": "5\n",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ROADMASK_{name}", value)
    settings = Settings()
    assert settings.redis_url == "redis://h/0"
    assert settings.minio_secret_key.get_secret_value() == "0123456789abcdef"
    assert (str(settings.data_dir), settings.lease_s) == ("/srv/a b ", 5)


def test_a_missing_folder_of_secrets_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        done = call_roadmask("config", cwd=tmp_path, ROADMASK_SECRETS_DIR=str(folder))
        assert done.returncode == 2
        assert done.stderr.startswith(f"Error: ROADMASK_SECRETS_DIR names '{folder}'")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "roadmask_redis_url").write_text("redis://:s3cret@elsewhere/0\n")
    done = call_roadmask("config", cwd=tmp_path, ROADMASK_SECRETS_DIR=str(tmp_path))
    assert "redis://(set)@elsewhere/0" in done.stdout
    assert "s3cret" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("value", ["a,b", "[", "", "[" * 100_000])
def test_a_list_that_is_no_json_is_told(tmp_path: Path, value: str) -> None:
    done = call_roadmask("config", cwd=tmp_path, ROADMASK_API_KEY_HASHES=value)
    told = 'Error: ROADMASK_API_KEY_HASHES: it is not a list in JSON, such as ["a", "b"].\n'
    assert (done.returncode, done.stderr) == (2, told)


def test_a_secret_that_is_no_text_is_told(tmp_path: Path) -> None:
    for name in ("roadmask_secret", "roadmask_api_key_hashes"):
        (tmp_path / name).write_bytes(b"\xff\xfe\0")
        done = call_roadmask("config", cwd=tmp_path, ROADMASK_SECRETS_DIR=str(tmp_path))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"{name.upper()}: its file in the folder" in done.stderr
        (tmp_path / name).unlink()
