"""The page: plain files for the browser, from this package and from nowhere else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from api.backends import Wired
from roadmask.settings import Settings

router = APIRouter(include_in_schema=False)

FOLDER = str(files("api") / "web")
CHECKED = "no-cache"
"""Browsers keep the files, and ask by ETag whether they are still good."""


class Assets(StaticFiles):
    """Scripts, styles and pictures of the page."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = CHECKED
        return response


@router.get("/")
async def page(backends: Wired) -> FileResponse:
    """The page's one document."""
    headers = {"Content-Security-Policy": policy(backends.settings), "Cache-Control": CHECKED}
    return FileResponse(f"{FOLDER}/index.html", headers=headers)


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
    app.mount("/page", Assets(directory=FOLDER), name="page")


def _store_origin(settings: Settings) -> list[str]:
    """Where signed URLs lead, when that is not this API."""
    if settings.store == "local":
        return []
    scheme = "https" if settings.minio_secure else "http"
    where = urlsplit(settings.minio_public_url or f"{scheme}://{settings.minio_endpoint}")
    return [f"{where.scheme}://{where.netloc}"]
