"""Names of strangers in every view: they are text, never markup, links or code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.harness.images.worker_images import BAD, png
from tests.harness.waiting import wait_until
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open

HOSTILE = (
    "<img src=x onerror=window.pwned=1><a href=javascript:window.pwned=2>"
    "${window.pwned=3}{{window.pwned=4}}'\"><hostile>"
)
TRACES = """() => [window.pwned, document.querySelector(
  'img[src=x], a[href^="javascript:"], [onerror], hostile')?.outerHTML].filter(Boolean)"""

REQUEST_LONGEST = """async () => {
  const start = document.querySelector('script[type=module]').src;
  const { requestMask } = await import(new URL('segment/prediction/mask_job.js', start));
  const long = '\u8857'.repeat(300), hash = 'a'.repeat(64);
  const image = { id: long, sha256: hash, truth_sha256: hash };
  const pixels = { bits: 16, cfa: 'RGGB', curve: 'linear', range: [0.123456789, 65535.123456789] };
  const options = { name: '\u00e9'.repeat(300), pixels, quality: 'standard', confidence: true };
  await requestMask(image, `${'n'.repeat(300)}@${hash.slice(0, 12)}`, options).catch(() => {});
}"""


def put(service: str, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    answer = httpx.put(f"{service}/v1/images/sha256-{sha256}", content=data)
    assert answer.is_success, answer.text
    return sha256


@pytest.fixture(scope="module")
def job_id(service: str) -> Iterator[str]:
    """A finished job whose every name is hostile: one of its images fails."""
    entries = [
        {"name": f"{HOSTILE}/{number}", "sha256": put(service, data), "filename": HOSTILE}
        for number, data in enumerate((png(301), BAD["truncated"][0]))
    ]
    path = f"{service}/v1/datasets/{quote(HOSTILE)}"
    assert httpx.post(f"{path}/images", json=entries).status_code == 201
    images = [
        {"id": f"{HOSTILE}/{entry['name']}", "custom_id": f"{HOSTILE}{number}"}
        for number, entry in enumerate(entries)
    ]
    body = {"images": images, "name": HOSTILE[:200], "lane": "batch"}
    job = httpx.post(f"{service}/v1/jobs", json=body).json()
    address = f"{service}/v1/jobs/{job['id']}"
    wait_until(lambda: httpx.get(address).json()["finished_at"] is not None)
    yield str(job["id"])
    # Other tests count what the service has.
    assert httpx.delete(address).status_code == 202
    assert httpx.delete(path).status_code == 202


def check(page: Page) -> None:
    """The name is on the page, as it was given, and did nothing."""
    expect(page.locator("body")).to_contain_text("<img src=x onerror=window.pwned=1>")
    assert page.evaluate(TRACES) == []


def test_a_long_name_of_a_job_leaves_the_page_of_its_model_in_place(
    window: Open, service: str
) -> None:
    body = {"images": [{"id": "streets/01"}], "model": "brightness@1", "lane": "batch"}
    job = run_job(service, {**body, "name": "long" * 50})
    page = window("#/service?model=brightness@1", viewport={"width": 390, "height": 844})
    expect(page.locator(".model-jobs")).to_contain_text("longlong")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    main = page.locator("main")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") == 0
    assert httpx.delete(f"{service}/v1/jobs/{job}").status_code == 202


@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
def test_hostile_names_are_text_in_every_view(
    window: Open, service: str, job_id: str, language: str
) -> None:
    page = window("#/jobs", locale=language)
    check(page)

    def load(view: str) -> None:
        page.goto("about:blank")
        page.goto(f"{service}/{view}")

    for view in (f"#/jobs?job={job_id}", f"#/segment?image={quote(f'{HOSTILE}/{HOSTILE}/0')}"):
        load(view)
        check(page)
    for view in (f"#/jobs?job={job_id}&layout=gallery", "#/segment"):
        load(view)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(TRACES) == []


@pytest.mark.parametrize("dataset", ["شوارع القاهرة", "街道 1", "a&b=c#d%2F?e+f 100% \\"])
def test_an_image_with_any_name_is_segmented(window: Open, service: str, dataset: str) -> None:
    path = f"{service}/v1/datasets/{quote(dataset, safe='')}"
    name = f"{dataset} 🚦.png"
    entries = [{"name": name, "sha256": put(service, png(303))}]
    assert httpx.post(f"{path}/images", json=entries).status_code == 201
    page = window(f"#/segment?image={quote(f'{dataset}/{name}')}")
    wait_for_prediction(page)
    expect(page.locator("h1.image-name")).to_have_text(f"{dataset}/{name}")
    assert httpx.delete(path).status_code == 202


def test_long_names_that_end_alike_are_segmented_each(window: Open, service: str) -> None:
    entry = {"name": "n" * 80, "sha256": put(service, png(304))}
    for dataset in ("first", "second"):
        path = f"{service}/v1/datasets/{dataset}"
        assert httpx.post(f"{path}/images", json=[entry]).status_code == 201
        wait_for_prediction(window(f"#/segment?image={dataset}/{entry['name']}"))
    for dataset in ("first", "second"):
        assert httpx.delete(f"{service}/v1/datasets/{dataset}").status_code == 202


def test_the_longest_names_make_no_idempotency_key_too_long(window: Open) -> None:
    page = window("#/service")
    with page.expect_request(re.compile(r"/v1/jobs$")) as sent:
        page.evaluate(REQUEST_LONGEST)
    assert 200 < len(sent.value.headers["idempotency-key"]) <= 256
