"""Builds the FastAPI app: its middleware, its routes and, at startup, its components."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

import anyio
from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from api.auth.middleware import ApiKeyMiddleware
from api.bodies.limits import BodyLimitMiddleware
from api.bodies.uploads import remove_abandoned_folders
from api.compat import label_studio, rest
from api.components import open_components
from api.connections.event_stream import EventStreamMiddleware
from api.connections.heads import HeadMiddleware
from api.connections.ranges import RangeMiddleware
from api.connections.thread_limit import adapt_thread_limit
from api.dependencies import check_access
from api.docs import install_docs
from api.errors import install_error_handlers
from api.headers import SecurityHeadersMiddleware
from api.openapi import TAGS, describe_errors, install_openapi, operation_id
from api.query import check_query
from api.request_log import RequestLogMiddleware
from api.routes import (
    datasets,
    events,
    exports,
    images,
    items,
    jobs,
    metrics,
    models,
    objects,
    segment,
    service,
    truths,
    webhooks,
)
from api.routes.ownership import erasures, sharing
from api.routes.page import install_page
from roadmask.errors import StoreUnavailable
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.settings import Settings

log = logging.getLogger(__name__)

STORE_S = 5.0
"""Longest wait for the object store before the first request is accepted, seconds."""
GZIP_BYTES, GZIP_LEVEL = 2048, 5
"""Shorter answers, such as most polls, are not compressed. A higher level saves few bytes."""

ROUTERS = (
    images.router,
    truths.router,
    datasets.router,
    erasures.router,
    jobs.router,
    items.router,
    segment.router,
    sharing.router,
    events.router,
    exports.router,
    webhooks.router,
    rest.router,
    label_studio.router,
    models.router,
    objects.router,
    service.router,
    metrics.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the app on these settings, by default those of the environment."""
    settings = settings or Settings()
    app = FastAPI(
        title="Roadmask",
        version=version("roadmask"),
        description=describe_errors(),
        openapi_tags=TAGS,
        # Without the host, so that the document is valid for every host name of the service.
        servers=[{"url": urlsplit(settings.public_url).path or "/"}],
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=operation_id,
        # A redirect would name the host that the client sent.
        redirect_slashes=False,
        dependencies=[Depends(check_query), Depends(check_access)],
    )
    app.state.settings = settings
    app.state.api_routes = [route for router in ROUTERS for route in router.routes]
    # Each middleware wraps those before it, so refused requests get all headers as well.
    app.add_middleware(
        GZipMiddleware,
        minimum_size=GZIP_BYTES,
        compresslevel=GZIP_LEVEL,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/*", OCTET_STREAM),
    )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RangeMiddleware)
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(ApiKeyMiddleware, settings=settings)
    app.add_middleware(SecurityHeadersMiddleware)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["GET"]
        )
    app.add_middleware(EventStreamMiddleware)
    app.add_middleware(RequestLogMiddleware)
    install_error_handlers(app)
    install_page(app)  # First, because a first view of the page requests over 100 files.
    for router in ROUTERS:
        app.include_router(router)
    install_docs(app)
    install_openapi(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with open_components(app.state.settings) as components:
        app.state.components = components
        reading_keys = asyncio.create_task(components.access.read_ahead())
        try:
            # The store may start after this process, or hang. Until it answers, /readyz reports it.
            with anyio.move_on_after(STORE_S):
                await anyio.to_thread.run_sync(
                    components.storage.store.check, abandon_on_cancel=True
                )
        except StoreUnavailable as error:
            log.warning("%s", error.detail)
        await run_in_threadpool(remove_abandoned_folders)
        adapting = asyncio.create_task(adapt_thread_limit())
        yield
        adapting.cancel()
        await reading_keys
