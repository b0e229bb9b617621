"""What the routes stand on: settings and the open connections, made once for each app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, cast

import anyio
import redis
from fastapi import Depends, Request

from api.links import Links
from roadmask.settings import Settings
from storage.artifacts import Artifacts
from storage.catalogue import Catalogue
from storage.connections import connect_redis, open_store
from storage.deliveries import Deliveries
from storage.dispatch import Dispatch
from storage.in_service import InService
from storage.job_records import JobRecords
from storage.model_names import ModelNames
from storage.objects import ObjectStore
from storage.roll import Roll
from storage.watch import Watch
from storage.webhook_policy import WebhookPolicy

RENDERINGS = 2
"""Images decoded at once for previews: each one costs a core and up to some hundred megabytes."""


@dataclass(frozen=True)
class Backends:
    """The parts of storage that the front uses. Nothing connects before it is needed."""

    settings: Settings
    redis: redis.Redis
    store: ObjectStore
    catalogue: Catalogue
    records: JobRecords
    artifacts: Artifacts
    in_service: InService
    model_names: ModelNames
    deliveries: Deliveries
    webhook_policy: WebhookPolicy
    watch: Watch
    dispatch: Dispatch
    links: Links
    rendering: anyio.CapacityLimiter


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """Open the backends, and close them at the end."""
    records_db = connect_redis(settings)
    store = open_store(settings)
    watch = Watch(settings)
    artifacts, in_service = Artifacts(store), InService(records_db, store)
    try:
        yield Backends(
            settings=settings,
            redis=records_db,
            store=store,
            catalogue=Catalogue(records_db, store),
            records=JobRecords(records_db, store, settings),
            artifacts=artifacts,
            in_service=in_service,
            model_names=ModelNames(artifacts, in_service, Roll(records_db)),
            deliveries=Deliveries(records_db, store, settings),
            webhook_policy=WebhookPolicy(settings),
            watch=watch,
            dispatch=Dispatch(settings),
            links=Links(store, settings),
            rendering=anyio.CapacityLimiter(RENDERINGS),
        )
    finally:
        await watch.close()
        records_db.close()


def backends_of(request: Request) -> Backends:
    """The backends of the app that received the request."""
    return cast(Backends, request.app.state.backends)


async def _wired(request: Request) -> Backends:
    return backends_of(request)


Wired = Annotated[Backends, Depends(_wired)]
"""A route's parameter that receives the app's backends."""
