"""What every object store promises, whatever is behind it."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from roadmask.errors import InvalidId, ObjectNotFound
from storage.objects.keys import catalogue_key
from storage.objects.store import ObjectStore
from tests.harness.storage.object_stores import SIGNING
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(900)  # the first test may have to build its server
MINUTE = timedelta(minutes=1)
MIB = 2**20
signing = pytest.mark.parametrize("every_store", SIGNING, indirect=True)

ODD_KEYS = [
    *("", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", "a/../b", "a/./b", "a/b/../../../c"),
    *("a\0b", "a\nb", "a\n", "a b", "a\\b", "a~b", "a%2e%2e", "a?b", "a#b", "a*b", "%00"),
    *("é", "画像", "a\u202eb", "𝕒", "a" * 201, "/".join(["a" * 100] * 11), "C:/a", "a\ud800"),
]


@pytest.fixture(scope="module")
def store(every_store: ObjectStore) -> ObjectStore:
    """Each store in turn."""
    return every_store


def test_bytes_come_back_as_they_went_in(store: ObjectStore, folder: str) -> None:
    data = bytes(range(256)) * 5000
    store.put(f"{folder}a.png", data, "image/png")
    assert store.get(f"{folder}a.png") == data
    assert b"".join(store.stream(f"{folder}a.png")) == data
    assert store.exists(f"{folder}a.png")


def test_info_tells_size_type_and_time(store: ObjectStore, folder: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.put(f"{folder}a", b"12345", "image/webp")
    info = store.info(f"{folder}a")
    assert (info.key, info.size, info.content_type) == (f"{folder}a", 5, "image/webp")
    assert before <= info.modified <= datetime.now(UTC) + timedelta(seconds=2)


def test_a_second_put_replaces_bytes_and_type(store: ObjectStore, folder: str) -> None:
    for data, content_type in ((b"long" * 9, "text/plain"), (b"", "image/png"), (b"x", "a/b")):
        store.put(f"{folder}a.png", data, content_type)
        assert store.get(f"{folder}a.png") == data
        assert store.info(f"{folder}a.png").content_type == content_type


def test_an_empty_object_is_an_object(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}empty", b"", "text/plain")
    assert store.get(f"{folder}empty") == b""
    assert b"".join(store.stream(f"{folder}empty")) == b""
    assert store.info(f"{folder}empty").size == 0
    assert list(store.keys(folder)) == [f"{folder}empty"]


def test_a_file_goes_in_and_out_in_parts(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    source = tmp_path / "big"
    source.write_bytes(bytes(range(251)) * (40 * MIB // 251))
    store.put_file(f"{folder}big", source, "image/tiff")
    blocks = list(store.stream(f"{folder}big"))
    assert len(blocks) > 10
    assert b"".join(blocks) == source.read_bytes()
    assert store.info(f"{folder}big").content_type == "image/tiff"


@signing  # moto keeps its objects in this very process
def test_a_big_file_is_never_whole_in_memory(
    store: ObjectStore, folder: str, tmp_path: Path
) -> None:
    source = tmp_path / "big"
    with source.open("wb") as file:
        file.truncate(160 * MIB)
    tracemalloc.start()
    try:
        store.put_file(f"{folder}big", source, "image/tiff")
        size = sum(len(block) for block in store.stream(f"{folder}big"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 160 * MIB
    assert peak < 80 * MIB


@pytest.mark.parametrize("call", ["get", "stream", "info"])
def test_a_missing_key_is_told_at_the_call(store: ObjectStore, folder: str, call: str) -> None:
    with pytest.raises(ObjectNotFound, match="no object"):
        getattr(store, call)(f"{folder}missing")


def test_missing_keys_do_not_exist_and_may_be_deleted(store: ObjectStore, folder: str) -> None:
    assert not store.exists(f"{folder}missing")
    store.delete(f"{folder}missing")
    assert list(store.keys(folder)) == []


def test_a_folder_of_keys_is_no_key(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}a/b", b"x", "text/plain")
    assert not store.exists(f"{folder}a")
    with pytest.raises(ObjectNotFound):
        store.get(f"{folder}a")
    store.delete(f"{folder}a")
    assert store.get(f"{folder}a/b") == b"x"


def test_delete_removes_the_object_and_its_type(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}a", b"x", "text/plain")
    store.delete(f"{folder}a")
    assert not store.exists(f"{folder}a")
    with pytest.raises(ObjectNotFound):
        store.get(f"{folder}a")
    assert list(store.keys(folder)) == []


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_odd_keys_are_refused_by_every_call(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidId):
        store.put(key, b"x", "text/plain")
    with pytest.raises(InvalidId):
        store.put_file(key, Path(__file__), "text/plain")
    for call in (store.get, store.stream, store.info, store.exists, store.delete):
        with pytest.raises(InvalidId):
            call(key)
    with pytest.raises(InvalidId):
        store.url(key, MINUTE)


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../", "a\0", "é", "a b"])
def test_odd_prefixes_are_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidId):
        list(store.keys(prefix))


def test_ids_that_look_like_files_and_folders_keep_apart(store: ObjectStore, folder: str) -> None:
    ids = (
        "a",
        "a/b",
        "a.json",
        "a.json/b",
        "é",
        "e\u0301",
        "a b",
        "/".join("abcdefghi"),
        "🚗" * 900,
    )
    keys = [folder + catalogue_key(image_id) for image_id in ids]
    assert len(set(keys)) == len(ids)
    for key in keys:
        store.put(key, key.encode(), "application/json")
    assert [store.get(key) for key in keys] == [key.encode() for key in keys]


def test_keys_come_in_order_whatever_stands_beside_the_slash(
    store: ObjectStore, folder: str
) -> None:
    names = ["a-b", "a.b", "a/b", "a/c/d", "a!", "a0", "aB", "a_", "ab", "a/-", "B", "b/a"]
    for name in names:
        store.put(folder + name, b"x", "text/plain")
    assert list(store.keys(folder)) == sorted(folder + name for name in names)
    for start in ("a", "a/", "a/c", "a/c/d", "b", "a/c/d/", "zz"):
        expected = sorted(folder + name for name in names if name.startswith(start))
        assert list(store.keys(folder + start)) == expected


def test_more_keys_than_one_page_of_s3(store: ObjectStore, folder: str) -> None:
    names = [f"{folder}{number % 7}/{number:05d}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"x", "text/plain"), names))
    assert list(store.keys(folder)) == sorted(names)


def test_readers_never_see_a_part_of_an_object(store: ObjectStore, folder: str) -> None:
    """Many writers of one key at once, and readers all the while."""
    key = f"{folder}contended"
    values = [bytes([value]) * (MIB + value) for value in range(8)]
    store.put(key, values[0], "text/plain")
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(store.put, key, value, "text/plain") for value in values * 3]
        reads = [pool.submit(store.get, key) for _ in range(24)]
        for write in writes:
            write.result()
        assert all(read.result() in values for read in reads)
    assert store.get(key) in values
    assert list(store.keys(folder)) == [key]


def test_a_signed_url_is_good_for_a_plain_get(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}a!b.png", b"pixels", "image/png")
    answer = httpx.get(store.url(f"{folder}a!b.png", MINUTE))
    assert (answer.status_code, answer.content) == (200, b"pixels")
    assert answer.headers["content-type"].startswith("image/png")


def test_a_signed_url_of_a_missing_key_is_404(store: ObjectStore, folder: str) -> None:
    assert httpx.get(store.url(f"{folder}missing", MINUTE)).status_code == 404


@signing
def test_a_signed_url_expires(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}a", b"pixels", "image/png")
    brief, long = (store.url(f"{folder}a", timedelta(seconds=seconds)) for seconds in (1, 3600))
    wait_until(lambda: httpx.get(brief).status_code == 403, pause=0.1)
    assert httpx.get(long).status_code == 200


@signing
def test_a_signed_url_opens_nothing_else(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}mine", b"pixels", "image/png")
    store.put(f"{folder}yours", b"secret", "image/png")
    url = store.url(f"{folder}mine", MINUTE)
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace("/mine?", "/yours?")).status_code == 403
    assert httpx.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code in (400, 403)


def test_check_may_be_repeated_at_any_time(store: ObjectStore, folder: str) -> None:
    store.put(f"{folder}a", b"x", "text/plain")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.check(), range(8)))
    assert store.get(f"{folder}a") == b"x"
