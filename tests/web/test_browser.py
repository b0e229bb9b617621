"""The windows of these tests: each one begins with nothing, and tells of requests elsewhere."""

from __future__ import annotations

from functools import partial

from tests.harness.waiting import wait_until
from tests.web.browser import Contexts, Window

STORE = """() => {
  localStorage.setItem('a', 'b');
  sessionStorage.setItem('a', 'b');
  document.cookie = 'a=b';
}"""
ELSEWHERE = """async () => {
  const picture = new Image();
  const ended = new Promise((resolve) => { picture.onerror = resolve; });
  picture.src = 'http://example.org/a.png';
  await ended;
  await fetch('http://127.0.0.1:1/').catch(() => {});
}"""
STORED = """() => [
  localStorage.getItem('a'), sessionStorage.getItem('a'), document.cookie]"""


def opened(contexts: Contexts, service: str) -> Window:
    window = Window(contexts, {})
    window.page.goto(f"{service}/#/service")
    return window


def test_a_window_has_nothing_of_those_beside_and_before_it(
    contexts: Contexts, service: str
) -> None:
    first = opened(contexts, service)
    first.page.evaluate(STORE)
    assert first.page.evaluate(STORED) == ["b", "b", "a=b"]
    beside = opened(contexts, service)
    assert beside.page.evaluate(STORED) == [None, None, ""]
    context = first.page.context
    first.close()
    after = opened(contexts, service)
    assert after.page.context == context
    assert after.page.evaluate(STORED) == [None, None, ""]
    after.close()
    beside.close()


def test_requests_elsewhere_are_told_by_the_console(contexts: Contexts, service: str) -> None:
    window = opened(contexts, service)
    window.page.evaluate(ELSEWHERE)
    for address in ("http://example.org/a.png", "http://127.0.0.1:1/"):
        expected = f"'{address}' violates the following Content Security Policy"
        wait_until(partial(tells, window, expected))
    window.close()


def tells(window: Window, text: str) -> bool:
    """Whether the console has said so. Events come while the browser is asked for something."""
    window.page.title()
    return any(text in each for each in window.console_errors)
