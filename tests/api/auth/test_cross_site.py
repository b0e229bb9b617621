"""A service without keys, and pages of other sites in a browser beside it."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from api.auth.cross_site import refuse_cross_site
from roadmask.errors import CrossSiteRequest
from roadmask.settings import Settings
from tests.harness.images.api_images import digest, picture, put

PUBLIC = "https://masks.example.org/"
STUDIO = "http://studio.example:8080"


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """One other site may read."""
    return settings.model_copy(update={"allowed_origins": [STUDIO]})


def send(client: httpx.Client, **headers: str) -> httpx.Response:
    """A form, as any page may send it to anywhere."""
    return client.post("/v1/images", files={"files": ("a.png", picture())}, headers=headers)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_a_domain_that_was_turned_to_this_address_reads_nothing(
    client: httpx.Client, host: str
) -> None:
    answer = client.get("/v1/images", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert "ROADMASK_PUBLIC_URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host",
    ["localhost:1", "[::1]:8000", "10.1.2.3", "api", "localhost.", "host.docker.internal:8000", ""],
)
def test_addresses_and_private_names_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/images", headers={"Host": host}).is_success


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_form_of_another_site_writes_nothing(client: httpx.Client, origin: str) -> None:
    answer = send(client, Origin=origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert client.get("/v1/images", headers={"Origin": origin}).json()["images"] == []


def test_its_own_page_and_programs_write(client: httpx.Client) -> None:
    assert send(client, Origin=str(client.base_url).rstrip("/")).status_code == 201
    assert send(client).status_code == 201


def test_a_page_of_an_allowed_origin_reads_images_to_the_last_redirect(
    client: httpx.Client,
) -> None:
    put(client, picture())
    content = f"/v1/images/sha256-{digest(picture())}/content"
    answer = client.get(content, headers={"Origin": STUDIO}, follow_redirects=True)
    assert answer.content == picture()
    for each in (*answer.history, answer):
        assert each.headers["Access-Control-Allow-Origin"] == STUDIO
    other = client.get(content, headers={"Origin": "http://evil.example"}, follow_redirects=True)
    for each in (*other.history, other):
        assert "Access-Control-Allow-Origin" not in each.headers


def test_it_writes_nothing_either(client: httpx.Client) -> None:
    assert send(client, Origin=STUDIO).status_code == 403


@pytest.mark.parametrize("entry", ["*", "null", "studio.example", "http://a.example/", "ftp://a"])
def test_what_is_no_origin_is_not_taken_for_one(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        Settings(allowed_origins=[entry])


@pytest.mark.parametrize("host", ["masks.example.org", "masks.example.org:443", "api:8000"])
def test_the_public_url_is_its_own(host: str) -> None:
    refuse_cross_site("POST", headers(host, "https://masks.example.org"), PUBLIC)
    with pytest.raises(CrossSiteRequest, match=r"a page of 'https://example\.org'"):
        refuse_cross_site("POST", headers(host, "https://example.org"), PUBLIC)
    with pytest.raises(CrossSiteRequest, match=r"for 'example\.org'"):
        refuse_cross_site("POST", headers("example.org", "https://masks.example.org"), PUBLIC)


def headers(host: str, origin: str) -> Headers:
    return Headers({"host": host, "origin": origin})
