"""The API on a real socket, in a thread of the test's process."""

from __future__ import annotations

from threading import Thread
from typing import Self
from urllib.parse import urlsplit

import uvicorn

from api.app import create_app
from api.cli import server_options
from roadmask.settings import Settings
from tests.harness.waiting import wait_until


class ApiServer:
    """Serves `create_app(settings)` while its context is open.

    It listens at `url`, by default at the settings' public URL.
    """

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        self.url = url or settings.public_url
        self.app = create_app(settings)
        where = urlsplit(self.url)
        assert where.hostname
        assert where.port
        options = server_options(settings) | {"log_config": None, "timeout_graceful_shutdown": 1}
        config = uvicorn.Config(self.app, host=where.hostname, port=where.port, **options)
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
