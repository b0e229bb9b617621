"""A web server that serves the signed links of a local store, as the API does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit

from roadmask.errors import RoadmaskError
from storage.objects.local import LocalStore
from tests.servers.process import HOST


class _Links(BaseHTTPRequestHandler):
    store: LocalStore

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        key = unquote(url.path.removeprefix("/v1/objects/"))
        query = {"expires": "0", "signature": ""} | dict(parse_qsl(url.query))
        try:
            self.store.verify(key, int(query["expires"]), query["signature"])
            body, facts = self.store.get(key), self.store.info(key)
        except RoadmaskError as error:
            self.send_error(error.status)
            return
        self.send_response(200)
        self.send_header("Content-Type", facts.content_type)
        self.send_header("Content-Length", str(facts.size))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served_store(root: Path) -> Iterator[LocalStore]:
    """A local store in `root` whose URLs work while the context is open."""
    with ThreadingHTTPServer((HOST, 0), _Links) as server:
        public_url = f"http://{HOST}:{server.server_address[1]}"
        store = LocalStore(root, public_url, "signs links in tests")
        server.RequestHandlerClass = type("Links", (_Links,), {"store": store})
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
