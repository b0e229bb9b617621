"""The HTTP front: light, stateless, and as many processes of it as one likes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from api.backends import open_backends
from api.docs import install_docs
from api.errors import install_error_handlers
from api.headers import SecurityHeaders
from api.openapi import TAGS, describe_errors, install_openapi, operation_id
from api.routes import (
    datasets,
    events,
    exports,
    images,
    items,
    jobs,
    label_studio,
    models,
    objects,
    rest,
    service,
    truths,
    webhooks,
)
from api.routes.page import install_page
from api.uploads import clear_abandoned
from roadmask.errors import StoreUnavailable
from roadmask.settings import Settings

log = logging.getLogger(__name__)

ROOMS = (
    images,
    truths,
    datasets,
    jobs,
    items,
    events,
    exports,
    webhooks,
    rest,
    label_studio,
    models,
    objects,
    service,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app on these settings, by default those of the environment."""
    app = FastAPI(
        title="Roadmask",
        version=version("roadmask"),
        description=describe_errors(),
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.settings = settings or Settings()
    app.add_middleware(SecurityHeaders)
    if origins := app.state.settings.allowed_origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET"])
    install_error_handlers(app)
    for room in ROOMS:
        app.include_router(room.router)
    install_docs(app)
    install_page(app)
    install_openapi(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with open_backends(app.state.settings) as backends:
        app.state.backends = backends
        try:
            await run_in_threadpool(backends.store.check)
        except StoreUnavailable as error:
            # The store may come up after this process; /readyz tells until then.
            log.warning("%s", error.detail)
        await run_in_threadpool(clear_abandoned)
        preparing = asyncio.create_task(run_in_threadpool(backends.dispatch.prepare))
        yield
        await preparing
