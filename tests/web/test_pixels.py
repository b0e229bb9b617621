"""What deep, raw or thermal samples mean is said in the page, and shown with the result."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.harness.images.worker_images import gradient
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import put
from tests.web.conftest import Open
from tests.web.test_jobs import expect_state

RANGE = "range=7000..9000"


NUMBERS = count()
"""Of datasets: the service deletes one while the next test runs."""


@pytest.fixture
def thermal(service: str) -> Iterator[str]:
    """A dataset with a 16-bit image, `1`, whose range is stated."""
    number = next(NUMBERS)
    dataset = f"thermal{number}"
    grey = np.asarray(gradient(900 + number).convert("L"), np.float64)
    samples = (7000 + grey * 2000 / 255).astype(np.uint16)
    with httpx.Client(base_url=service, timeout=30) as client:
        [sha256] = put(client, "images", [cv2.imencode(".png", samples)[1].tobytes()])
        entry = {"name": "1", "sha256": sha256, "pixels": {"range": [7000, 9000]}}
        client.post(f"/v1/datasets/{dataset}/images", json=[entry]).raise_for_status()
        yield dataset
        client.delete(f"/v1/datasets/{dataset}").raise_for_status()


def test_an_image_is_read_as_its_dataset_or_the_menu_says(window: Open, thermal: str) -> None:
    page = window(f"#/segment?image={thermal}/1&dataset={thermal}")
    wait_for_prediction(page)
    facts = page.locator(".names .note")
    expect(facts).to_contain_text(f"samples: {RANGE}")
    menu = page.locator(".pixels-menu")
    page.get_by_text("Samples", exact=True).click()
    expect(menu).to_contain_text(f"The dataset says {RANGE}.")
    page.get_by_label("Bits that hold data").select_option("14")
    expect(facts).to_contain_text("samples: bits=14")
    # Thermal data whose range is not said are doubtful.
    expect(facts).to_contain_text("look linear, raw, thermal or clipped")
    assert "pixels=bits%3D14" in page.url
    page.go_back()
    expect(facts).to_contain_text(f"samples: {RANGE}")


def test_a_plain_image_has_no_menu(window: Open) -> None:
    page = window("#/segment?image=streets/01&dataset=streets")
    wait_for_prediction(page)
    expect(page.get_by_text("Samples", exact=True)).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_batch_says_what_its_samples_mean(
    window: Open, service: str, thermal: str, language: str
) -> None:
    page = window("#/jobs?new=1", locale=language)
    title = {"en": "Deep, raw or thermal images", "fr": "Images profondes, brutes ou thermiques"}
    said = {"en": "The dataset says", "fr": "Le jeu de données indique"}
    page.locator("#batch-dataset").select_option(thermal)
    page.get_by_text(title[language]).click()
    expect(page.locator("details.pixels")).to_contain_text(f"{said[language]} {RANGE}.")
    page.locator("#batch-range").select_option("stated")
    page.locator("#batch-low").fill("6900")
    page.locator("#batch-high").fill("9100")
    page.locator(".job-form > .primary").click()
    page.wait_for_url("**job=*")
    job = httpx.get(f"{service}/v1/jobs/{page.url.partition('job=')[2]}").json()
    assert job["pixels"] == {"bits": None, "cfa": None, "curve": None, "range": [6900.0, 9100.0]}
    if language == "en":
        expect_state(page, "Succeeded")
