"""The page at `/`: static files from `api/web`, and their content security policy."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from api.dependencies import SettingsDep
from roadmask.hashing import sha256_of
from roadmask.settings import Settings

router = APIRouter(include_in_schema=False)

CACHE_CONTROL = "no-cache"
"""Browsers cache the files, and revalidate them by ETag."""


class Assets(StaticFiles):
    """Static files with a `Cache-Control` header."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """The file, or 304 when the browser's copy is current."""
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = CACHE_CONTROL
        return response


WEB = Path(str(files("api") / "web"))
ASSETS = Assets(directory=str(WEB))


@router.get("/")
async def page(request: Request, settings: SettingsDep) -> Response:
    """The HTML document."""
    document, tag = _document()
    headers = {
        "Cache-Control": CACHE_CONTROL,
        "Content-Security-Policy": policy(settings),
        "ETag": tag,
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(document, media_type="text/html", headers=headers)


@lru_cache(maxsize=1)
def _document() -> tuple[bytes, str]:
    """The HTML and its ETag.

    It names all modules, which the browser would otherwise find one after the other: each round
    takes as long as the way to the service and back.
    """
    modules = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js"))
    links = "".join(f'  <link rel="modulepreload" href="page/{path}">\n' for path in modules)
    html = (WEB / "index.html").read_text().replace("</head>", f"{links}</head>").encode()
    return html, f'"{sha256_of(html)[:32]}"'


def policy(settings: Settings) -> str:
    """The content security policy: scripts of this origin, requests to it and the object store."""
    sources = " ".join(["'self'", *_store_origin(settings)])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {sources} blob: data:; connect-src {sources}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def install_page(app: FastAPI) -> None:
    """Add the routes of the page and its files to an app."""
    app.include_router(router)
    app.mount("/page", ASSETS, name="page")


def _store_origin(settings: Settings) -> list[str]:
    """Where signed URLs lead, when that is not this API."""
    if settings.store == "local":
        return []
    scheme = "https" if settings.minio_secure else "http"
    where = urlsplit(settings.minio_public_url or f"{scheme}://{settings.minio_endpoint}")
    return [f"{where.scheme}://{where.netloc}"]
