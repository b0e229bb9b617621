"""What `MinioStore` promises beyond the contract, checked on every S3 server at hand."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from roadmask.errors import RoadmaskError, StoreUnavailable
from roadmask.settings import Settings
from storage.minio_store import MinioStore
from tests.contract.conftest import S3, SIGNING, STORES

pytestmark = pytest.mark.timeout(900)  # the first test may have to build its server
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[name for name in STORES if name != "local"])
def server(request: pytest.FixtureRequest) -> S3:
    found: S3 = request.getfixturevalue(f"{request.param}_s3")
    return found


@pytest.fixture(params=[name for name in SIGNING if name != "local"])
def signing_server(request: pytest.FixtureRequest) -> S3:
    found: S3 = request.getfixturevalue(f"{request.param}_s3")
    return found


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


@pytest.mark.parametrize("url", ["masks.example.org", "ftp://host", "http://", "http://host/s3"])
def test_a_public_endpoint_that_cannot_work_is_refused(server: S3, url: str) -> None:
    with pytest.raises(RoadmaskError, match="scheme and host"):
        MinioStore(server.settings(minio_public_url=url))


def test_a_missing_bucket_is_made_once_by_many(server: S3) -> None:
    settings = server.settings()
    first, second = MinioStore(settings), MinioStore(settings)
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        first.put("a", b"x", "text/plain")
    first.check()
    second.check()
    first.put("a", b"x", "text/plain")
    assert second.get("a") == b"x"


def test_wrong_keys_are_told(signing_server: S3) -> None:
    store = MinioStore(signing_server.settings(minio_access_key=f"nobody-{uuid4().hex}"))
    with pytest.raises(StoreUnavailable, match="ROADMASK_MINIO_ACCESS_KEY"):
        store.get("a")
