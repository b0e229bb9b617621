"""The page: plain files for the browser, from this package and from nowhere else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from api.backends import Wired
from roadmask.settings import Settings

router = APIRouter(include_in_schema=False)

CHECKED = "no-cache"
"""Browsers keep the files, and ask by ETag whether they are still good."""


class Assets(StaticFiles):
    """Scripts, styles and pictures of the page."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = CHECKED
        return response


ASSETS = Assets(directory=str(files("api") / "web"))


@router.get("/")
async def page(request: Request, backends: Wired) -> Response:
    """The page's one document."""
    response = await ASSETS.get_response("index.html", request.scope)
    response.headers["Content-Security-Policy"] = policy(backends.settings)
    return response


def policy(settings: Settings) -> str:
    """What the page may do: run its own files, and fetch from here and the object store."""
    sources = " ".join(["'self'", *_store_origin(settings)])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {sources} blob: data:; connect-src {sources}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def install_page(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.include_router(router)
    app.mount("/page", ASSETS, name="page")


def _store_origin(settings: Settings) -> list[str]:
    """Where signed URLs lead, when that is not this API."""
    if settings.store == "local":
        return []
    scheme = "https" if settings.minio_secure else "http"
    where = urlsplit(settings.minio_public_url or f"{scheme}://{settings.minio_endpoint}")
    return [f"{where.scheme}://{where.netloc}"]
