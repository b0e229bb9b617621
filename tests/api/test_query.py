"""What a request has too much is refused, and never ignored."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.api.submission import UNKNOWN


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/v1/images?limmit=5", "'limmit'"),
        ("/v1/jobs?state=failed&foo", "'foo'"),
        ("/v1/taxonomy?a=b", "Known: none"),
        ("/v1/images?limit=5&limit=6", "`limit` comes twice"),
        (f"/v1/jobs/{UNKNOWN}/items/0/mask?Format=png", "`format`"),
    ],
)
def test_an_unknown_parameter_is_named(client: httpx.Client, address: str, told: str) -> None:
    answer = client.get(address.replace("foo", "foo=1"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert told in answer.json()["detail"]


def test_a_list_may_come_twice(client: httpx.Client) -> None:
    assert client.get("/v1/jobs?state=failed&state=queued").is_success


@pytest.mark.parametrize("path", ["/v1/jobs/", "/v1/images/", "/rest"])
def test_no_redirect_is_made_of_the_host_header(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Host": "127.0.0.1.nip.io"})
    assert answer.status_code in (403, 404)
    assert "Location" not in answer.headers


def test_allow_has_all_methods_of_an_address(client: httpx.Client) -> None:
    answer = client.delete("/v1/jobs")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("path", "json"),
    [
        ("/v1/jobs", '{"dataset": "scenes", "deadline_s": 1e999}'),
        ("/v1/jobs", '{"dataset": "scenes", "deadline_s": 1e300}'),
        ("/v1/jobs", '{"dataset": "scenes", "error_threshold": NaN}'),
        ("/v1/jobs", '{"dataset": "scenes", "name": "a\\u0000b"}'),
        ("/v1/jobs", '{"dataset": "scenes", "name": "a\\u001b[31mb"}'),
        ("/v1/jobs", '{"dataset": "scenes", "name": "a\\r\\nb"}'),
        ("/v1/jobs", '{"dataset": "scenes", "name": "a\\u202eb"}'),
        ("/label-studio/predict", '{"tasks": [{"data": {"image": "http://[::1/v1/images/x"}}]}'),
        ("/label-studio/predict", '{"tasks": [{"id": 1e400, "data": {}}]}'),
    ],
)
def test_a_bad_value_is_the_clients_fault(client: httpx.Client, path: str, json: str) -> None:
    answer = client.post(path, content=json, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "address",
    [
        "/v1/images?dataset=scenes&offset=18446744073709551617",
        "/v1/images?limit=" + "9" * 5000,
        f"/v1/jobs/{UNKNOWN}/archive.zip?start=18446744073709551617",
        f"/v1/jobs/{UNKNOWN}?wait=nan",
        f"/v1/jobs/{UNKNOWN}?wait=1e999",
        "/v1/objects/a?expires=99999999999999999999&signature=a",
    ],
)
def test_a_number_out_of_range_is_the_clients_fault(client: httpx.Client, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
