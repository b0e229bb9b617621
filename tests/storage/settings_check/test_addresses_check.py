"""Folders, the public URL and webhook receivers, tried."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from roadmask.settings import Settings
from storage.settings_check.addresses_check import check_addresses
from tests.harness.api.server import ApiServer
from tests.servers.links import served_store
from tests.servers.process import HOST, free_port


def findings(settings: Settings) -> dict[str, tuple[bool, bool, str]]:
    found = check_addresses(settings)
    return {one.name: (one.ok, one.is_remark, one.detail) for one in found}


def test_a_service_that_runs(settings: Settings) -> None:
    settings = settings.model_copy(update={"public_url": f"http://{HOST}:{free_port()}"})
    with ApiServer(settings):
        found = findings(settings)
    assert all(ok and not remark for ok, remark, _ in found.values()), found


def test_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with served_store(tmp_path / "objects") as store:
        other = store.url("a", timedelta(minutes=1)).partition("/v1/")[0]
        settings = Settings(
            data_dir=tmp_path / "file",
            public_url=other,
            webhook_hosts=["no-such-host.invalid", "10.0.0.0/8"],
        )
        found = findings(settings)
    assert "cannot be written" in found["data folder"][2]
    assert "is no Roadmask" in found["public URL"][2]
    assert "has no address" in found["webhook host no-such-host.invalid"][2]
    assert "ROADMASK_WEBHOOK_SECRET is empty" in found["webhook secret"][2]
    assert not any(ok for ok, _, _ in found.values())


def test_an_api_that_does_not_run_yet_is_a_remark(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, public_url=f"http://{HOST}:{free_port()}")
    ok, is_remark, detail = findings(settings)["public URL"]
    assert ok
    assert is_remark
    assert "Nothing listens" in detail
