"""Two models side by side: on one image, and over a job."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from roadmask.settings import Settings
from storage.connections import open_store
from storage.models.registry import ModelRegistry
from tests.harness.images.worker_images import png
from tests.harness.storage.artifact_folders import write_artifact
from tests.harness.worker.tiny_model import FLAT, SKY, expected_mask
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open
from tests.web.painting import correct, drag

IMAGE = "#/segment?image=streets/03&dataset=streets&opacity=100&outlines=off"
REQUEST_OTHER = """async (job) => {
  const start = document.querySelector('script[type=module]').src;
  const { requestOther } = await import(new URL('comparison/other_job.js', start));
  return requestOther(job, job.model);
}"""


@pytest.fixture(scope="module", autouse=True)
def darkness(
    service: str, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A published model whose masks are the opposite of those of the model in service."""
    store = open_store(settings)
    folder = tmp_path_factory.mktemp("models") / "darkness"
    version = write_artifact(folder, "darkness", b"darkness")
    ModelRegistry(store).push(folder, version)
    yield str(version)
    for key in list(store.keys("models/darkness/")):
        store.delete(key)


@pytest.fixture(scope="module")
def job(service: str) -> str:
    """A finished job on 12 images, 11 of them with truth."""
    body = {"dataset": "streets", "lane": "batch", "name": "Streets", "model": "brightness@1"}
    return run_job(service, body)


def test_the_mask_of_a_second_model_and_where_both_differ(
    window: Open, service: str, darkness: str
) -> None:
    page = window(IMAGE)
    wait_for_prediction(page)
    page.get_by_label("Compare with…").select_option(darkness)
    pane = page.locator("[data-pane=other]")
    expect(pane.locator("figcaption")).to_contain_text("darkness@")
    expect(page.locator(".legend thead")).to_contain_text("Other")
    mask = expected_mask(np.array(Image.open(io.BytesIO(png(2)))))
    assert Picture(page, "other").shows_mask(FLAT + SKY - mask)
    assert Picture(page, "prediction").shows_mask(mask)
    page.get_by_role("button", name="Disagreement").click()
    expect(page.locator(".difference-legend")).to_have_text("Same0.0%Different100.0%")
    page.wait_for_url(re.compile("show=disagreement.*with=darkness%40"))
    page.reload()
    expect(page.locator(".difference-legend")).to_have_text("Same0.0%Different100.0%")
    page.get_by_label("Compare with…").select_option("")
    expect(pane).to_be_hidden()
    expect(page.locator(".difference-legend")).to_be_hidden()


def test_two_models_over_a_job(window: Open, service: str, job: str, darkness: str) -> None:
    page = window(f"#/jobs?job={job}")
    page.get_by_label("Compare with…").select_option(darkness)
    comparison = page.locator(".comparison")
    expect(comparison).to_contain_text("the same category to 0.0% of the pixels")
    expect(comparison.locator("h2")).to_contain_text("brightness@1 and darkness@")
    expect(comparison.locator(".disagreements li")).to_have_count(12)
    row = comparison.locator("tbody tr", has_text="sky")
    shares = [text.strip("%") for text in row.locator("td").all_inner_texts()[:2]]
    scores = httpx.get(f"{service}/v1/jobs/{job}/items?limit=12").json()["items"]
    sky = sum(item["result"]["shares"].get("sky", 0) for item in scores) / len(scores)
    assert float(shares[0]) == pytest.approx(100 * sky, abs=0.1)
    assert float(shares[1]) == pytest.approx(100 - 100 * sky, abs=0.1)
    # The same choice is the same job, whose masks are there.
    other = page.url.partition("with=")[2]
    page.get_by_label("Compare with…").select_option(darkness)
    page.wait_for_url(f"**with={other}")
    page.wait_for_load_state("networkidle")  # The list is drawn anew, and would lose the click.
    expect(comparison.locator(".disagreements li")).to_have_count(12)
    comparison.locator(".disagreements a").first.click()
    expect(page.locator(".difference-legend")).to_contain_text("Different100.0%")


def test_users_of_both_languages_compare_the_same_job(window: Open, service: str, job: str) -> None:
    record = httpx.get(f"{service}/v1/jobs/{job}").json()
    for locale in ("en-GB", "fr-FR"):
        other = window(locale=locale).evaluate(REQUEST_OTHER, record)
        assert httpx.get(f"{service}/v1/jobs/{other}").json()["dataset"] == "streets"


def test_the_page_of_a_model_has_its_jobs(window: Open, job: str) -> None:
    page = window("#/service?model=brightness@1")
    found = page.locator(".model-jobs")
    link = found.get_by_role("link", name="Streets", exact=True)
    expect(link).to_have_attribute("href", f"#/jobs?job={job}")
    expect(found.locator(".confusion tbody tr")).to_have_count(7)


def test_the_second_model_fits_a_phone(window: Open, darkness: str) -> None:
    size = {"width": 390, "height": 844}
    page = window(f"{IMAGE}&with={darkness}", viewport=size, has_touch=True, is_mobile=True)
    wait_for_prediction(page)
    page.get_by_role("button", name="Other model").click()
    expect(page.locator("[data-pane=other]")).to_be_visible()
    expect(page.locator("[data-pane=prediction]")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_model_that_is_chosen_and_not_opened_is_not_named(window: Open, darkness: str) -> None:
    page = correct(window, "streets/05")
    drag(page, (10, 20), (30, 20))
    page.once("dialog", lambda dialog: dialog.dismiss())
    model = page.get_by_label("Model", exact=True)
    model.select_option(darkness)
    expect(model).to_have_value("")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_timeout(500)
    assert "model=" not in page.url


def test_a_job_is_compared_in_its_own_quality(window: Open, service: str, job: str) -> None:
    """The tests' model has one quality, so the page is told another, and the service is not."""
    asked: list[str] = []

    def note(route: Route) -> None:
        body = route.request.post_data_json or {}
        asked.append(body["quality"])
        route.continue_(post_data={**body, "quality": "standard"})

    page = window("#/service")
    page.route(re.compile(r"/v1/jobs$"), note)
    page.evaluate(REQUEST_OTHER, httpx.get(f"{service}/v1/jobs/{job}").json() | {"quality": "best"})
    assert asked == ["best"]
