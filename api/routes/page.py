"""The page at `/`: its document, its files and their content security policy."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import Response

from api.connections.ranges import matches
from api.dependencies import SettingsDep
from api.services.page_files import PageFile, PageFiles
from roadmask.settings import Settings

router = APIRouter(include_in_schema=False)

REVALIDATED = "no-cache"
"""Browsers keep a copy, and ask by its ETag whether it is current."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""Browsers keep what the path of a version leads to, and never ask again."""

WEB = Path(str(files("api") / "web"))


@lru_cache(maxsize=1)
def page_files() -> PageFiles:
    """The files of this release."""
    return PageFiles(WEB)


@lru_cache(maxsize=1)
def _document() -> PageFile:
    """The HTML, with paths of this version.

    It names all modules, which the browser would otherwise find one after the other: each round
    takes as long as the way to the service and back.
    """
    found = page_files()
    modules = found.modules()
    links = "".join(f'  <link rel="modulepreload" href="page/{path}">\n' for path in modules)
    html = (WEB / "index.html").read_text().replace("</head>", f"{links}</head>")
    return PageFile(html.replace('="page/', f'="page/{found.version}/').encode(), "text/html")


@router.get("/")
async def page(request: Request, settings: SettingsDep) -> Response:
    """The HTML document."""
    response = _answer(request, _document(), REVALIDATED)
    response.headers["Content-Security-Policy"] = policy(settings)
    return response


async def page_file(request: Request) -> Response:
    """A file that the document names."""
    found = page_files().find(request.path_params["path"])
    if found is None:
        raise HTTPException(404)
    file, current = found
    return _answer(request, file, IMMUTABLE if current else REVALIDATED)


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
    # A plain route, without the dependencies of the app.
    app.add_route("/page/{path:path}", page_file, include_in_schema=False)


def _answer(request: Request, file: PageFile, cache_control: str) -> Response:
    """The file, or 304 when the browser's copy is current."""
    headers = {"Cache-Control": cache_control, "ETag": file.etag}
    if matches(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    data = file.data
    if file.compressed and "gzip" in request.headers.get("accept-encoding", ""):
        data = file.compressed
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(data, media_type=file.media_type, headers=headers)


def _store_origin(settings: Settings) -> list[str]:
    """Where signed URLs lead, when that is not this API."""
    if settings.store == "local":
        return []
    scheme = "https" if settings.minio_secure else "http"
    where = urlsplit(settings.minio_public_url or f"{scheme}://{settings.minio_endpoint}")
    return [f"{where.scheme}://{where.netloc}"]
