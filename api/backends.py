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
from storage.catalogue import Catalogue
from storage.connections import connect_redis, open_store
from storage.dispatch import Dispatch
from storage.job_records import JobRecords
from storage.objects import ObjectStore
from storage.watch import Watch

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
    try:
        yield Backends(
            settings=settings,
            redis=records_db,
            store=store,
            catalogue=Catalogue(records_db, store),
            records=JobRecords(records_db, store, settings),
            watch=watch,
            dispatch=Dispatch(settings),
            links=Links(store, settings),
            rendering=anyio.CapacityLimiter(RENDERINGS),
        )
    finally:
        await watch.close()
        records_db.close()


async def _of_app(request: Request) -> Backends:
    return cast(Backends, request.app.state.backends)


Wired = Annotated[Backends, Depends(_of_app)]
"""A route's parameter that receives the app's backends."""
