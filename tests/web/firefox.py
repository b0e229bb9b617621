"""Firefox, driven by its own WebDriver BiDi (https://w3c.github.io/webdriver-bidi/)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.harness.waiting import PATIENCE_S, wait_until

NAMES = ("firefox-esr", "firefox")
_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def find_firefox() -> str:
    """The path of the browser. Raises `AssertionError` that says how to install one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "The page's tests need Firefox; on Debian: apt-get install firefox-esr"
    return found


class FirefoxPage:
    """A page in Firefox. Its errors, in the console and uncaught, are in `errors`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.errors: list[str] = []
        self._call("session.new", capabilities={})
        self._call("session.subscribe", events=["log.entryAdded"])
        self._context = self._call("browsingContext.create", type="tab")["context"]

    def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        self._call("browsingContext.setViewport", context=self._context, viewport=viewport)

    def goto(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, which may be a promise, by way of JSON."""
        text = f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))"
        return json.loads(self._evaluate(text)["value"])

    def wait_for(self, expression: str) -> Any:
        """The value of an expression once it is true."""
        return wait_until(lambda: self.evaluate(expression))

    def click(self, selector: str, text: str = "") -> None:
        """Click the first visible element of a selector that has this text."""
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})].find((element) => "
            f"element.checkVisibility() && element.textContent.includes({json.dumps(text)}))"
        )
        self.wait_for(f"!!{found}")
        self.evaluate(f"{found}.click()")

    def choose_file(self, selector: str, file: Path) -> None:
        """Choose a file in an input element."""
        element = self._evaluate(f"document.querySelector({json.dumps(selector)})")
        shared = {"sharedId": element["sharedId"]}
        self._call("input.setFiles", context=self._context, element=shared, files=[str(file)])

    def _evaluate(self, expression: str) -> Any:
        answer = self._call(
            "script.evaluate",
            expression=expression,
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return answer["result"]

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (message := json.loads(self._connection.recv(PATIENCE_S))).get("id") != self._number:
            self._note(message)
        assert message["type"] == "success", message
        return message["result"]

    def _note(self, event: dict[str, Any]) -> None:
        entry = event.get("params", {})
        if event.get("method") == "log.entryAdded" and entry["level"] in ("warn", "error"):
            self.errors.append(str(entry["text"]))


@contextmanager
def firefox_page() -> Iterator[FirefoxPage]:
    """A page in a Firefox of its own, without a window."""
    with tempfile.TemporaryDirectory() as profile:
        log = Path(profile) / "log"
        command = [find_firefox(), "--headless", "--no-remote", "--profile", profile]
        with log.open("w") as output:
            browser = subprocess.Popen(
                [*command, "--remote-debugging-port", "0", "about:blank"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/bin:/bin", "HOME": profile},
            )
        try:
            listens = wait_until(lambda: _LISTENS.search(log.read_text()))
            with connect(f"{listens[1]}/session", max_size=None) as connection:
                yield FirefoxPage(connection)
        finally:
            browser.terminate()
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
