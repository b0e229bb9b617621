"""What holds for every view: narrow screens, dark mode, screen readers, languages, keys, caches."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from api.routes.page import policy
from roadmask.errors import ItemError, error_classes
from roadmask.settings import Settings
from storage.recovery import Recovery
from tests.api.server import ApiServer
from tests.page.browser import serious
from tests.page.canvas import wait_for_prediction
from tests.page.conftest import Open
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.waiting import wait_until
from tests.worker.pictures import BAD, png

CUT = BAD["truncated"][0]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SEGMENT = "#/segment?image=streets/02"
VIEWS = {
    "start": ("", ".welcome"),
    "segment": (SEGMENT, ".legend"),
    "swipe": (f"{SEGMENT}&layout=swipe&show=difference", ".divider"),
    "jobs": ("#/jobs", ".history"),
    "batch": ("#/jobs?new=1", ".batchform"),
    "job": ("", ".job h1"),
    "service": ("#/service", ".service table"),
}
WORDS = """async () => Object.fromEntries(await Promise.all(['en', 'fr'].map(async (code) => (
  [code, Object.keys((await import(`./page/words/${code}.js`)).default)]))))"""
BEYOND_THE_EDGE = """() => [...document.querySelectorAll('main *')]
  .filter((element) => element.checkVisibility())
  .filter((element) => !element.closest('.tablebox, .rows, .itemhead, .visually-hidden'))
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 200))"""

TOO_LONG = """() => [...document.querySelectorAll('main button')]
  .filter((button) => button.checkVisibility() && button.scrollHeight > button.offsetHeight)
  .map((button) => button.textContent)"""


@pytest.fixture(scope="session")
def job_path(service: str) -> str:
    """The address of a job that ended, with a failure to show."""
    bad = httpx.put(
        f"{service}/v1/images/sha256-{hashlib.sha256(CUT).hexdigest()}", content=CUT
    ).json()["id"]
    images = [{"id": "streets/01"}, {"id": bad}]
    job = httpx.post(f"{service}/v1/jobs", json={"images": images, "lane": "batch"}).json()["id"]
    httpx.get(f"{service}/v1/jobs/{job}", params={"wait": 30}, timeout=40)
    return f"#/jobs?job={job}"


def go(window: Open, view: str, job_path: str, **options: Any) -> Page:
    at, sign = VIEWS[view]
    page = window(job_path if view == "job" else at, **options)
    expect(page.locator(sign).first).to_be_visible()
    if SEGMENT in at:
        wait_for_prediction(page)
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(window: Open, job_path: str, view: str) -> None:
    page = go(window, view, job_path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert serious(page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_all_of_it(window: Open, job_path: str, view: str) -> None:
    """In French, whose words are longer."""
    page = go(window, view, job_path, locale="fr-FR", **PHONE)
    assert page.evaluate(BEYOND_THE_EDGE) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cut = "all => all.filter((box) => box.scrollWidth > box.clientWidth).length"
    assert page.locator(".legend .tablebox").evaluate_all(cut) == 0
    assert page.evaluate(TOO_LONG) == []


@pytest.mark.parametrize("view", VIEWS)
def test_buttons_hold_their_words(window: Open, job_path: str, view: str) -> None:
    """In French, on a screen where lists and pictures share the width."""
    page = go(window, view, job_path, locale="fr-FR")
    assert page.evaluate(TOO_LONG) == []


def test_french(window: Open) -> None:
    page = window(SEGMENT, locale="fr-CA")
    wait_for_prediction(page)
    assert page.locator("html").get_attribute("lang") == "fr"
    expect(page.get_by_role("link", name="Travaux")).to_be_visible()
    expect(page.locator("[data-pane=truth] figcaption")).to_have_text("Masque annoté")
    expect(page.get_by_role("row", name="véhicule").locator("td").first).to_contain_text("\u00a0%")
    page.goto(page.url.replace("streets/02", "streets/99"))
    expect(page.locator("[data-pane=image] .message")).to_contain_text("Cette image n’existe pas")
    page.get_by_label("Langue").select_option("English")
    expect(page.get_by_role("link", name="Jobs")).to_be_visible()


def test_both_languages_have_all_words(window: Open, service: str) -> None:
    words = {code: set(keys) for code, keys in window().evaluate(WORDS).items()}
    assert words["en"] <= words["fr"]
    # English explains errors as the service does.
    own = words["fr"] - words["en"]
    assert {key.partition(".")[0] for key in own} == {"error"}
    announced = set(
        re.findall(r"urn:roadmask:error:(\w+)", httpx.get(f"{service}/openapi.json").text)
    )
    of_items = {code for code, cls in error_classes().items() if issubclass(cls, ItemError)}
    assert {f"error.{code}" for code in announced | of_items} <= words["fr"]


def test_the_page_is_cached_and_locked_down(service: str) -> None:
    page = httpx.get(f"{service}/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    for path in ("/", "/page/app.js", "/page/styles/base.css"):
        first = httpx.get(service + path)
        assert first.headers["Cache-Control"] == "no-cache"
        asked = {"If-None-Match": first.headers["ETag"]}
        assert httpx.get(service + path, headers=asked).status_code == 304


def test_the_policy_names_the_object_store() -> None:
    told = policy(Settings(store="minio", minio_public_url="https://s3.example.org/roadmask"))
    assert "connect-src 'self' https://s3.example.org;" in told
    assert "img-src 'self' https://s3.example.org blob: data:;" in told


def test_focus_stays_where_it_was(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    service_view = page.get_by_role("link", name="Service")
    service_view.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Service", exact=True)).to_be_visible()
    expect(service_view).to_be_focused()
    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("link", name="New batch").first.press("Enter")
    page.get_by_label("Dataset").select_option("streets")
    page.get_by_role("button", name="Start").press("Enter")
    expect(page.locator(".job h1")).to_be_visible()
    expect(page.locator(".detail")).to_be_focused()
    page.get_by_role("link", name="streets/01").press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_it_works_by_another_name_of_the_host(window: Open, service: str, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(service.replace(HOST, "localhost") + f"/{SEGMENT}&dataset=streets")
    wait_for_prediction(page)
    loaded = "all => all.length > 0 && all.every((picture) => picture.naturalWidth > 1)"
    expect(page.locator(".cell img").first).to_be_visible()
    # Asked from here: the page's own policy lets nobody evaluate strings in it again and again.
    wait_until(lambda: page.locator(".cell img").evaluate_all(loaded))
    context.close()


KEY = "a long and random key"


@pytest.fixture
def guarded(settings: Settings, service: str, tmp_path: Path) -> Iterator[str]:
    """A service of its own that asks for a key, with one image."""
    hashes = [hashlib.sha256(KEY.encode()).hexdigest()]
    with RedisServer(tmp_path / "redis") as redis:
        own = settings.model_copy(
            update={
                "data_dir": tmp_path / "data",
                "api_key_hashes": hashes,
                "redis_url": redis.url,
                "public_url": f"http://{HOST}:{free_port()}",
            }
        )
        with ApiServer(own) as api, httpx.Client(base_url=api.url) as client:
            backends = api.app.state.backends
            # An empty Redis has to be told that it lost nothing.
            Recovery(backends.redis, backends.store, own, backends.dispatch).run()
            client.headers["X-API-Key"] = KEY
            data = png(1)
            sha256 = hashlib.sha256(data).hexdigest()
            client.put(f"/v1/images/sha256-{sha256}", content=data).raise_for_status()
            yield api.url


def test_a_key_is_asked_for_and_kept_for_the_tab(guarded: str, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(guarded)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("API key").fill("a wrong one")
    dialog.get_by_role("button").click()
    expect(dialog).to_contain_text("does not know this key")
    dialog.get_by_label("API key").fill(KEY)
    dialog.get_by_role("button").click()
    expect(page.locator(".cell")).to_have_count(1)
    picture = page.locator(".cell img")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    page.reload()
    expect(page.locator(".cell")).to_have_count(1)
    expect(dialog).to_have_count(0)
    assert page.evaluate("localStorage.getItem('roadmask-key')") is None
    page.locator(".cell").click()
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_contain_text("No worker is running")
    context.close()
