"""All views: narrow screens, dark mode, screen readers, languages, API keys, caching."""

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
from storage.jobs.status import REASONS
from tests.harness.api.server import ApiServer
from tests.harness.images.worker_images import BAD, png
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.web.browser import serious
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open
from tests.web.test_files import WEB

TRUNCATED = BAD["truncated"][0]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SEGMENT = "#/segment?image=streets/02"
VIEWS = {
    "start": ("", ".welcome"),
    "segment": (SEGMENT, ".legend"),
    "swipe": (f"{SEGMENT}&layout=swipe&show=difference", ".panes .divider"),
    "jobs": ("#/jobs", ".history"),
    "batch": ("#/jobs?new=1", ".job-form"),
    "job": ("", ".job h1"),
    "service": ("#/service", ".service table"),
    "gallery": ("", ".gallery-cell canvas"),
}
TEXT_KEYS = """async () => Object.fromEntries(await Promise.all(['en', 'fr'].map(async (code) => (
  [code, Object.keys((await import(`./page/words/${code}.js`)).default)]))))"""
NAMED = re.compile(r'(?:href|src)="(page/([0-9a-f]{16})/([^"]+))"')
"""A file that the document names: its path, the version, its path below `api/web`."""
TRANSFERRED = """() => performance.getEntriesByType('resource')
  .filter((entry) => entry.name.includes('/page/') && entry.transferSize > 0)
  .map((entry) => entry.name)"""
OVERFLOWING = """() => [...document.querySelectorAll('main *')]
  .filter((element) => element.checkVisibility())
  .filter((element) => !element.closest('.table-scroll, .rows, .item-header, .visually-hidden'))
  .filter((element) => !element.closest('.toolbar, .names .note, pre')) // scroll, or end in dots
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 200))"""

CUT_BUTTONS = """() => [...document.querySelectorAll('main button')]
  .filter((button) => button.checkVisibility() && button.scrollHeight > button.offsetHeight)
  .map((button) => button.textContent)"""


@pytest.fixture(scope="module")
def job_path(service: str) -> str:
    """The link to a finished job with a failed item."""
    bad = httpx.put(
        f"{service}/v1/images/sha256-{hashlib.sha256(TRUNCATED).hexdigest()}", content=TRUNCATED
    ).json()["id"]
    images = [{"id": "streets/01"}, {"id": bad}]
    return f"#/jobs?job={run_job(service, {'images': images, 'lane': 'batch'})}"


def go(window: Open, view: str, job_path: str, **options: Any) -> Page:
    at, sign = VIEWS[view]
    links = {"job": job_path, "gallery": f"{job_path}&layout=gallery"}
    page = window(links.get(view, at), **options)
    expect(page.locator(sign).first).to_be_visible()
    if SEGMENT in at:
        wait_for_prediction(page)
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_and_buttons_show_their_whole_text(
    window: Open, job_path: str, view: str
) -> None:
    """In French, whose texts are longer, on a screen whose width the sidebar and the panes share.

    Axe reads the English page in `test_first_minute.py` and `test_confidence.py`.
    """
    page = go(window, view, job_path, locale="fr-FR")
    assert page.evaluate(CUT_BUTTONS) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert serious(page) == [], scheme


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_everything(window: Open, job_path: str, view: str) -> None:
    """In French, whose texts are longer."""
    page = go(window, view, job_path, locale="fr-FR", **PHONE)
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cut = "all => all.filter((box) => box.scrollWidth > box.clientWidth).length"
    assert page.locator(".legend .table-scroll").evaluate_all(cut) == 0
    assert page.evaluate(CUT_BUTTONS) == []


def test_filters_and_menus_are_within_a_phone(window: Open, service: str) -> None:
    job = run_job(service, {"dataset": "streets", "lane": "batch", "confidence": True})
    page = window(f"#/jobs?job={job}&layout=gallery", locale="fr-FR", **PHONE)
    unsure = page.get_by_role("button", name="Les moins sûres d’abord")
    expect(unsure).to_be_attached()
    page.locator("summary", has_text="Exporter").click()
    expect(page.locator(".menu a").nth(1)).to_be_in_viewport(ratio=1)
    for part in (".item-filters .where", "details[open] .menu"):
        box = page.locator(part).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_a_phone_shows_the_dataset_of_a_link(window: Open) -> None:
    page = window("#/segment?dataset=streets", **PHONE)
    expect(page.get_by_role("option", name="streets/01")).to_be_in_viewport(ratio=1)


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


def test_both_languages_have_all_texts(window: Open, service: str) -> None:
    texts = {code: set(keys) for code, keys in window().evaluate(TEXT_KEYS).items()}
    assert texts["en"] <= texts["fr"]
    # The API explains its errors in English.
    french_only = texts["fr"] - texts["en"]
    assert {key.partition(".")[0] for key in french_only} == {"error"}
    documented = set(
        re.findall(r"urn:roadmask:error:(\w+)", httpx.get(f"{service}/openapi.json").text)
    )
    of_items = {code for code, cls in error_classes().items() if issubclass(cls, ItemError)}
    of_jobs = {problem.code for problem in REASONS.values()}
    assert {f"error.{code}" for code in documented | of_items | of_jobs} <= texts["fr"]


def test_the_page_is_cached_and_locked_down(service: str) -> None:
    page = httpx.get(f"{service}/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    for path in ("/", "/page/app.js", "/page/0123456789abcdef/styles/base.css"):
        first = httpx.get(service + path)
        assert first.headers["Cache-Control"] == "no-cache"
        headers = {"If-None-Match": first.headers["ETag"]}
        assert httpx.get(service + path, headers=headers).status_code == 304
    for path in ("/page/missing.js", "/page/../app.py", "/page/%2e%2e/app.py", "/page/"):
        assert httpx.get(service + path).status_code == 404


def test_a_browser_keeps_what_the_document_names(service: str) -> None:
    """The path changes with the files, so a second view asks for the document alone."""
    named = NAMED.findall(httpx.get(f"{service}/").text)
    assert len({version for _, version, _ in named}) == 1
    modules = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")}
    # Otherwise the browser finds modules one after the other.
    assert modules <= {file for _, _, file in named}
    for path, _, file in named:
        answer = httpx.get(f"{service}/{path}", headers={"Accept-Encoding": "gzip"})
        assert answer.content == (WEB / file).read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers.get("Content-Encoding") == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
    plain = httpx.get(f"{service}/page/app.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == (WEB / "app.js").read_bytes()
    assert "Content-Encoding" not in plain.headers


def test_a_second_view_asks_for_no_file_of_the_page(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome img").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.locator(".welcome img").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(TRANSFERRED) == []


def test_keys_are_explained_and_links_copied(window: Open) -> None:
    page = window(SEGMENT)
    wait_for_prediction(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Next and previous image")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    page.keyboard.press("2")
    expect(page.locator("[data-pane=image]")).to_be_hidden()
    expect(page.locator("[data-pane=truth]")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("[data-pane=image]")).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for label, part in (("link", "image=streets/02"), ("as curl", '"id":"streets/02"')):
        page.locator("summary", has_text="Share").click()
        page.get_by_role("button", name=f"Copy {label}").click()
        expect(page.locator(".notice").last).to_have_text("Copied")
        assert part in page.evaluate("() => navigator.clipboard.readText()")


def test_the_policy_names_the_object_store() -> None:
    header = policy(
        Settings(
            store="minio",
            minio_public_url="https://s3.example.org",
            minio_secret_key="a secret for tests",
        )
    )
    assert "connect-src 'self' https://s3.example.org;" in header
    assert "img-src 'self' https://s3.example.org blob: data:;" in header


def test_focus_stays_where_it_was(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    service_link = page.get_by_role("link", name="Service")
    service_link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Service", exact=True)).to_be_visible()
    expect(service_link).to_be_focused()
    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("link", name="New batch").first.press("Enter")
    page.get_by_label("Dataset").select_option("streets")
    page.get_by_role("button", name="Start").press("Enter")
    expect(page.locator(".job h1")).to_be_visible()
    expect(page.locator(".detail")).to_be_focused()
    page.get_by_role("link", name="streets/01").press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_another_name_of_the_host_works(window: Open, service: str, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(service.replace(HOST, "localhost") + f"/{SEGMENT}&dataset=streets")
    wait_for_prediction(page)
    loaded = "all => all.length > 0 && all.every((picture) => picture.naturalWidth > 1)"
    expect(page.locator(".cell img").first).to_be_visible()
    # `wait_for_function` evaluates strings, which the page's policy forbids.
    wait_until(lambda: page.locator(".cell img").evaluate_all(loaded))
    context.close()


KEY = "a long and random key"


@pytest.fixture
def guarded(settings: Settings, service: str, tmp_path: Path) -> Iterator[str]:
    """The URL of another service, which requires a key and has one image."""
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
            # The reconciler marks the empty Redis as complete.
            api.app.state.components.storage.reconciler.run()
            client.headers["X-API-Key"] = KEY
            data = png(1)
            sha256 = hashlib.sha256(data).hexdigest()
            client.put(f"/v1/images/sha256-{sha256}", content=data).raise_for_status()
            yield api.url


def test_the_page_prompts_for_a_key_once_a_tab(guarded: str, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(guarded)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("API key").fill("a wrong one")
    dialog.get_by_role("button").click()
    expect(dialog).to_contain_text("rejected this key")
    dialog.get_by_label("API key").fill(KEY)
    dialog.get_by_role("button").click()
    expect(page.locator(".cell")).to_have_count(1)
    picture = page.locator(".cell img")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    page.reload()
    expect(page.locator(".cell")).to_have_count(1)
    expect(dialog).to_have_count(0)
    assert page.evaluate("localStorage.getItem('roadmask-key')") is None
    other_tab = context.new_page()
    other_tab.goto(guarded)
    other_tab.get_by_role("dialog").get_by_label("API key").fill(KEY)
    other_tab.get_by_label("Keep it in this browser").check()
    other_tab.get_by_role("dialog").get_by_role("button").click()
    third_tab = context.new_page()
    third_tab.goto(guarded)
    expect(third_tab.locator(".cell")).to_have_count(1)
    page.locator(".cell").click()
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_contain_text("No worker is running")
    context.close()


def test_a_model_has_a_page(window: Open, service: str) -> None:
    page = window("#/service")
    models = httpx.get(f"{service}/v1/models").json()["models"]
    page.get_by_role("link", name=models[0]["name"]).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(models[0]["name"])
    expect(page.locator(".model")).to_contain_text("no card" if not models[0]["card"] else "Limits")
    page.get_by_role("link", name="← Service").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
