"""Objects of the local store are open to whoever has a signed link, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from storage.objects.local import LocalStore
from storage.objects.store import ObjectInfo

TTL = timedelta(minutes=1)


def test_a_signed_link_is_enough(client: httpx.Client, store: LocalStore) -> None:
    store.put("a/b.png", b"bytes", "image/png")
    answer = client.get(store.url("a/b.png", TTL))
    assert (answer.content, answer.headers["Content-Type"]) == (b"bytes", "image/png")
    assert answer.headers["Content-Length"] == "5"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Content-Disposition" not in answer.headers


def test_a_mask_that_is_replaced_meanwhile_has_its_own_length(
    client: httpx.Client, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, read = "masks/ab/abc.png", LocalStore.info

    def read_then_replace(self: LocalStore, key: str) -> ObjectInfo:
        info = read(self, key)
        store.put(key, b"another mask", "image/png")
        return info

    store.put(key, b"mask", "image/png")
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "info", read_then_replace)
        answer = client.get(store.url(key, TTL))
    assert (answer.content, answer.headers["Content-Length"]) == (b"another mask", "12")


def test_an_old_link_is_refused(client: httpx.Client, store: LocalStore) -> None:
    store.put("a", b"bytes", "image/png")
    answer = client.get(store.url("a", timedelta(seconds=-1)))
    assert (answer.status_code, answer.json()["code"]) == (403, "link_expired")
    assert "too old" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/a?", "/b?"),
        ("/a?", "/%2e%2e/a?"),
        ("/a?", "//a?"),
        ("expires=", "expires=9"),
        ("signature=", "signature=0"),
        ("signature=", "signature=é"),
    ],
)
def test_a_changed_link_is_refused(
    client: httpx.Client, store: LocalStore, old: str, new: str
) -> None:
    for key in ("a", "b"):
        store.put(key, b"bytes", "image/png")
    url = store.url("a", TTL)
    assert old in url
    answer = client.get(url.replace(old, new))
    assert (answer.status_code, answer.json()["code"]) == (403, "link_expired")


@pytest.mark.parametrize("query", ["", "?expires=1", "?signature=a", "?expires=x&signature=a"])
def test_a_link_without_signature_is_malformed(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v1/objects/a{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_good_link_to_what_is_gone_is_not_found(client: httpx.Client, store: LocalStore) -> None:
    answer = client.get(store.url("gone", TTL))
    assert (answer.status_code, answer.json()["code"]) == (404, "object_not_found")
