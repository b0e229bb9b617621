"""What `MinioStore` promises beyond the contract, checked on every S3 server at hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from minio import Minio

from roadmask.errors import InvalidRequest, StoreUnavailable
from roadmask.settings import Settings
from storage.objects.minio import MinioStore
from tests.harness.storage.object_stores import S3, SIGNING, STORES
from tests.servers import minio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first may have to build its server
MINUTE = timedelta(minutes=1)
PATH_STYLE = [name for name in STORES if name != "local" and not name.endswith("virtual")]


@pytest.fixture(params=PATH_STYLE)
def server(request: pytest.FixtureRequest, s3_server: Callable[[str], S3]) -> S3:
    return s3_server(request.param)


@pytest.fixture(params=[name for name in PATH_STYLE if name in SIGNING])
def signing_server(request: pytest.FixtureRequest, s3_server: Callable[[str], S3]) -> S3:
    return s3_server(request.param)


def opened(settings: Settings) -> MinioStore:
    store = MinioStore(settings)
    store.check()
    return store


def test_urls_are_signed_for_the_public_endpoint(signing_server: S3) -> None:
    """The host is part of the signature: the internal one's would be refused at the public one."""
    public = signing_server.endpoint.replace("127.0.0.1", "localhost")
    store = opened(signing_server.settings(minio_public_url=f"http://{public}"))
    store.put("a.png", b"pixels", "image/png")
    url = store.url("a.png", MINUTE)
    assert urlsplit(url).netloc == public
    assert httpx.get(url).content == b"pixels"
    assert httpx.get(url.replace("localhost", "127.0.0.1")).status_code == 403


def test_the_scheme_of_the_public_endpoint_is_kept(server: S3) -> None:
    store = MinioStore(server.settings(minio_public_url="https://masks.example.org/"))
    assert store.url("a", MINUTE).startswith("https://masks.example.org/test-")


def test_without_public_endpoint_urls_lead_to_the_internal_one(server: S3) -> None:
    url = MinioStore(server.settings()).url("a", MINUTE)
    assert url.startswith(f"http://{server.endpoint}/")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"minio_endpoint": "bucket.s3.amazonaws.com"}, "without the bucket"),
        ({"minio_endpoint": "[::1]:9000", "minio_addressing": "virtual"}, "an IP address"),
        ({"minio_endpoint": "10.0.0.1", "minio_addressing": "virtual"}, "an IP address"),
    ],
)
def test_an_endpoint_that_signs_wrong_links_is_refused(wrong: dict[str, str], why: str) -> None:
    given = {"store": "minio", "minio_secret_key": "0123456789abcdef", **wrong}
    settings = Settings.model_validate(given)
    with pytest.raises(InvalidRequest, match=f"ROADMASK_MINIO_.*{why}"):
        MinioStore(settings)


def test_a_missing_bucket_is_made_once_by_many(server: S3) -> None:
    settings = server.settings()
    first, second = MinioStore(settings), MinioStore(settings)
    first.check()
    second.check()
    first.put("a", b"x", "text/plain")
    assert second.get("a") == b"x"


def test_wrong_keys_are_told(signing_server: S3) -> None:
    store = MinioStore(signing_server.settings(minio_access_key=f"nobody-{uuid4().hex}"))
    with pytest.raises(StoreUnavailable, match="ROADMASK_MINIO_ACCESS_KEY"):
        store.get("a")


def test_a_prefix_is_before_all_keys_and_in_none(server: S3) -> None:
    whole = server.settings()
    part = whole.model_copy(update={"minio_prefix": f"{whole.minio_prefix}part/of/"})
    outside, inside = opened(whole), opened(part)
    outside.put("masks/a.png", b"outside", "image/png")
    inside.put("masks/a.png", b"inside", "image/png")
    assert inside.get("masks/a.png") == b"inside"
    assert list(inside.keys("masks/")) == ["masks/a.png"]
    assert outside.get("part/of/masks/a.png") == b"inside"
    assert httpx.get(inside.url("masks/a.png", MINUTE)).content == b"inside"
    inside.delete("masks/a.png")
    assert not inside.exists("masks/a.png")
    assert outside.get("masks/a.png") == b"outside"


def test_objects_whose_names_are_no_keys_are_left_out(server: S3) -> None:
    """A console makes `images/` for a folder, and uploads files under the names that they have."""
    settings = server.settings()
    store = opened(settings)
    others = Minio(
        settings.minio_endpoint,
        access_key=settings.minio_access_key,
        secret_key=settings.minio_secret_key.get_secret_value(),
        secure=False,
    )
    for name in ("images/", "images/My Photo (1).jpg", "images/ü.png", "images/a~type"):
        others.put_object(settings.minio_bucket, settings.minio_prefix + name, BytesIO(b""), 0)
    store.put("images/a", b"pixels", "image/png")
    assert list(store.keys("images/")) == ["images/a"]


if minio.available():

    def test_a_missing_bucket_is_told(s3_server: Callable[[str], S3]) -> None:
        """SeaweedFS makes the bucket of the first object by itself."""
        store = MinioStore(s3_server("minio").settings())
        with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
            store.put("a", b"x", "text/plain")

    def test_a_bucket_may_be_named_by_the_host(s3_server: Callable[[str], S3]) -> None:
        settings = s3_server("minio/virtual").settings()
        store = opened(settings)
        store.put("a.png", b"pixels", "image/png")
        url = store.url("a.png", MINUTE)
        assert urlsplit(url).netloc.startswith(f"{settings.minio_bucket}.localhost:")
        assert httpx.get(url).content == b"pixels"
        assert list(store.keys("a")) == ["a.png"]
