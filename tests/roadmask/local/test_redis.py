"""The embedded Redis: in any folder, and found by commands beside it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from roadmask.local.redis import answers, find_redis, running_url, write_config
from tests.harness.waiting import wait_until
from tests.servers.process import free_port

PASSWORD = "0123456789abcdef"


@pytest.mark.parametrize("name", [b'my "data"', b"n\xff", b"a\\x b's #", "é\n".encode()])
def test_redis_starts_in_a_folder_of_any_name(tmp_path: Path, name: bytes) -> None:
    folder, port = tmp_path / os.fsdecode(name) / "redis", free_port()
    config = write_config(folder, port, PASSWORD)
    assert config.stat().st_mode & 0o077 == 0
    with subprocess.Popen([find_redis(), config], stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(port, PASSWORD))
            assert (folder / "appendonlydir").is_dir()
        finally:
            server.terminate()
    assert running_url(folder) == f"redis://:{PASSWORD}@127.0.0.1:{port}/0"


@pytest.mark.parametrize("cut", [b"", b"bind 127.0.0.1\nport 63", b"\xff\xfe\0", b"\0" * 99])
def test_a_damaged_configuration_is_none(tmp_path: Path, cut: bytes) -> None:
    assert running_url(tmp_path) is None
    (tmp_path / "redis.conf").write_bytes(cut)
    assert running_url(tmp_path) is None
