"""`roadmask store`: make the object store ready."""

from __future__ import annotations

import click

from roadmask.settings import Settings
from storage.connections import open_store


@click.command()
def store() -> None:
    """Make sure the object store can be used, creating its bucket or folder if need be."""
    settings = Settings()
    open_store(settings).check()
    where = settings.minio_bucket if settings.store == "minio" else settings.objects_dir
    click.echo(f"The {settings.store} store is ready: {where}")
