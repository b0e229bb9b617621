"""What is peculiar to the store in a folder: its files, its links, its disk."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from roadmask.errors import LinkExpired, ObjectNotFound, StoreUnavailable
from roadmask.settings import Settings
from storage.objects.keys import API_KEYS, PREFIXES
from storage.objects.local import ABANDONED_S, LocalStore
from tests.harness.privileges import bound_by_permissions

MINUTE = timedelta(minutes=1)


def links(store: LocalStore, key: str) -> tuple[int, str]:
    query = parse_qs(urlsplit(store.url(key, MINUTE)).query)
    return int(query["expires"][0]), query["signature"][0]


def test_a_link_names_the_api_and_the_key(store: LocalStore) -> None:
    before = int(time.time())
    url = urlsplit(store.url("masks/a!b.png", MINUTE))
    assert url.path == "/v1/objects/masks/a%21b.png"
    assert before + 60 <= int(parse_qs(url.query)["expires"][0]) <= time.time() + 61


def test_only_what_was_signed_is_verified(store: LocalStore) -> None:
    expires, signature = links(store, "a")
    store.verify("a", expires, signature)
    for key, until, signed in (
        ("b", expires, signature),
        ("a", expires + 1, signature),
        ("a", expires, ""),
        ("a", expires, signature.upper()),
        ("a", expires, "é"),
    ):
        with pytest.raises(LinkExpired, match="changed"):
            store.verify(key, until, signed)


def test_a_link_of_an_earlier_version_stays_valid(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "http://127.0.0.1", "secret")
    signature = "8c725647a3837ef8ee601cc8593cee1398c62d1ae01d40b9c1f8d76609e49506"
    store.verify("a", 2**40, signature)


def test_parts_of_a_link_cannot_flow_into_each_other(store: LocalStore) -> None:
    expires, signature = links(store, "a")
    with pytest.raises(LinkExpired):
        store.verify(f"a{str(expires)[0]}", int(str(expires)[1:]), signature)


def test_an_old_link_says_so(store: LocalStore) -> None:
    url = store.url("a", timedelta(seconds=-1))
    query = parse_qs(urlsplit(url).query)
    with pytest.raises(LinkExpired, match="too old"):
        store.verify("a", int(query["expires"][0]), query["signature"][0])


def test_links_of_another_secret_are_refused(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path, "http://127.0.0.1", "another secret")
    with pytest.raises(LinkExpired):
        store.verify("a", *links(other, "a"))


def test_without_secret_nothing_is_signed_nor_verified(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "http://127.0.0.1", "")
    with pytest.raises(StoreUnavailable, match="ROADMASK_SECRET"):
        store.url("a", MINUTE)
    with pytest.raises(StoreUnavailable, match="ROADMASK_SECRET"):
        store.verify("a", 2**40, "")


def test_links_in_the_folder_lead_nowhere(
    store: LocalStore, settings: Settings, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (settings.objects_dir / "folder").symlink_to(outside)
    (settings.objects_dir / "file").symlink_to(outside / "secret")
    for key in ("folder/secret", "file"):
        with pytest.raises(ObjectNotFound, match="leads out"):
            store.get(key)
        with pytest.raises(ObjectNotFound, match="leads out"):
            store.put(key, b"x", "text/plain")
        assert not store.exists(key)
    assert list(store.keys("")) == []
    assert (outside / "secret").read_bytes() == b"secret"


def test_what_is_no_file_is_no_object(store: LocalStore, settings: Settings) -> None:
    """The rebuild would wait for ever for what comes out of a pipe."""
    store.put("catalogue/a!.json", b"{}", "application/json")
    os.mkfifo(settings.objects_dir / "catalogue/odd!.json")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(settings.objects_dir / "catalogue/socket"))
        assert list(store.keys("")) == ["catalogue/a!.json"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "objects").symlink_to(tmp_path / "disk")
    store = LocalStore(tmp_path / "objects", "http://127.0.0.1", "secret")
    store.put("a/b", b"x", "text/plain")
    assert (tmp_path / "disk" / "a" / "b").read_bytes() == b"x"


def test_a_disk_that_is_not_mounted_does_not_look_empty(
    store: LocalStore, settings: Settings
) -> None:
    store.put("a", b"x", "text/plain")
    settings.objects_dir.rename(settings.objects_dir.with_name("unmounted"))
    for call in (store.get, store.stream, store.info, store.exists, store.delete):
        with pytest.raises(StoreUnavailable, match="is gone"):
            call("a")
    with pytest.raises(StoreUnavailable, match="is gone"):
        list(store.keys(""))
    with pytest.raises(StoreUnavailable, match="is gone"):
        store.put("a", b"new", "text/plain")
    settings.objects_dir.with_name("unmounted").rename(settings.objects_dir)
    assert store.get("a") == b"x"


@pytest.mark.parametrize("call", ["get", "stream", "info", "exists"])
def test_a_disk_that_goes_while_an_object_is_looked_for_does_not_look_empty(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store.put("a", b"x", "text/plain")
    is_link = os.path.islink

    def goes(path: str) -> bool:
        """Whether it is a link, once its disk is gone: the store has looked for the disk before."""
        found = is_link(path)
        if settings.objects_dir.exists():
            settings.objects_dir.rename(settings.objects_dir.with_name("unmounted"))
        return found

    monkeypatch.setattr(os.path, "islink", goes)
    with pytest.raises(StoreUnavailable, match="is gone"):
        getattr(store, call)("a")


def test_a_known_suffix_needs_no_file_for_its_type(store: LocalStore, settings: Settings) -> None:
    store.put("a.png", b"x", "image/png")
    store.put("b", b"x", "image/png")
    files = {path.name for path in settings.objects_dir.iterdir() if path.is_file()}
    assert files == {"a.png", "b", "b~type"}
    store.delete("b")
    assert not (settings.objects_dir / "b~type").exists()


@pytest.mark.parametrize(
    "odd", [b"", b"\xff\xfe\0", b"\0" * 5, b"image", b"a/b\r\nX: 1", b"a/b\n", "a/é".encode()]
)
def test_a_file_that_names_no_type_counts_as_missing(
    store: LocalStore, settings: Settings, odd: bytes
) -> None:
    store.put("a", b"x", "image/png")
    store.put("b.png", b"x", "image/jpeg")
    for name in ("a", "b.png"):
        (settings.objects_dir / f"{name}~type").write_bytes(odd)
    assert store.info("a").content_type == "application/octet-stream"
    assert store.info("b.png").content_type == "image/png"


def test_what_dead_processes_left_is_cleared_away(store: LocalStore, settings: Settings) -> None:
    incoming = settings.objects_dir / "~incoming"
    for name, age in (("dead", ABANDONED_S + 60), ("alive", 0)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age,) * 2)
    store.check()
    assert [path.name for path in incoming.iterdir()] == ["alive"]


def test_what_a_killed_writer_left_is_no_object_and_is_cleared_away(
    store: LocalStore, settings: Settings
) -> None:
    store.put("images/a", b"old", "image/png")
    script = f"""
import os, signal
from pathlib import Path
from roadmask.atomic import replacing
root = Path({str(settings.objects_dir)!r})
(root / "images/~probe").touch()
with replacing(root / "images/a", drafts=root / "~incoming") as draft:
    draft.write_bytes(b"ne")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script])
    assert done.returncode == -signal.SIGKILL
    (draft,) = (settings.objects_dir / "~incoming").iterdir()
    assert (list(store.keys("")), store.get("images/a")) == (["images/a"], b"old")
    os.utime(draft, (time.time() - ABANDONED_S - 60,) * 2)
    store.check()
    left = {path.name for path in settings.objects_dir.rglob("*") if path.is_file()}
    assert left == {"a", "a~type"}


def test_a_root_that_cannot_be_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        LocalStore(tmp_path / "file", "http://127.0.0.1", "secret").check()


def test_a_disk_that_takes_no_more_is_told(store: LocalStore, settings: Settings) -> None:
    """A limit on the size of files stands for the full disk."""
    store.put("a", b"old", "text/plain")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="Check its disk"):
            store.put("a", b"new" * 1000, "text/plain")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.get("a") == b"old"
    assert list((settings.objects_dir / "~incoming").iterdir()) == []


@pytest.mark.parametrize("handed_over", [True, False])
def test_only_a_file_that_was_handed_over_is_not_copied(
    store: LocalStore, tmp_path: Path, handed_over: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"as it was")
    store.put_file("images/a", file, "image/png", handed_over=handed_over)
    assert file.stat().st_nlink == 1 + handed_over
    if not handed_over:
        file.write_bytes(b"changed")
    file.unlink()
    assert store.get("images/a") == b"as it was"


def test_a_file_on_another_disk_is_copied(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", fail)
    (tmp_path / "file").write_bytes(b"bytes")
    store.put_file("images/a", tmp_path / "file", "image/png", handed_over=True)
    assert store.get("images/a") == b"bytes"


@pytest.mark.parametrize("prefix", [prefix for prefix in PREFIXES if prefix != API_KEYS])
def test_each_folder_of_the_store_is_checked(
    store: LocalStore, settings: Settings, prefix: str
) -> None:
    """A folder that is a file stands for one that is damaged."""
    store.check()
    (settings.objects_dir / prefix).touch()
    with pytest.raises(StoreUnavailable):
        store.check()


def test_keys_of_another_user_are_no_failure(store: LocalStore, settings: Settings) -> None:
    # An operator may make them as root. The service only reads them.
    (settings.objects_dir / API_KEYS).mkdir(mode=0o555, parents=True)
    with bound_by_permissions():
        store.check()


def test_an_emptied_folder_goes_and_a_shared_one_stays(
    store: LocalStore, settings: Settings
) -> None:
    for key in ("jobs/a/job.json", "jobs/a/results/0.jsonl", "jobs/b/job.json", "top"):
        store.put(key, b"{}", "text/plain")
    for key in ("jobs/a/results/0.jsonl", "jobs/a/job.json", "jobs/a/done.json", "top"):
        store.delete(key)
    jobs = settings.objects_dir / "jobs"
    assert [path.name for path in jobs.iterdir()] == ["b"]
    store.delete("jobs/b/job.json")
    assert jobs.is_dir(), "the disk of its own may be mounted there"


def test_what_is_stored_while_its_folder_is_emptied_is_kept(store: LocalStore) -> None:
    def put_and_delete(name: str) -> None:
        for _ in range(300):
            store.put(f"jobs/a/{name}/x", b"{}", "text/plain", durable=False)
            assert store.get(f"jobs/a/{name}/x") == b"{}"
            store.delete(f"jobs/a/{name}/x")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put_and_delete, "abcd"))


def test_a_folder_that_is_emptied_before_an_object_appears_is_made_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("jobs/a/one", b"{}", "text/plain")
    write, is_first = Path.write_bytes, iter([True])

    def delete_then_write(path: Path, data: bytes) -> int:
        if next(is_first, False):
            store.delete("jobs/a/one")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", delete_then_write)
    store.put("jobs/a/two", b"{}", "application/octet-stream")
    assert list(store.keys("")) == ["jobs/a/two"]
