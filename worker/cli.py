"""`roadmask worker`: a process that segments images."""

from __future__ import annotations

import logging
import os
import socket
import sys

import click

from roadmask.errors import RoadmaskError
from roadmask.jobs import Lane
from roadmask.settings import Settings

log = logging.getLogger(__name__)


def _lanes(_context: click.Context, _option: click.Parameter, value: str) -> list[Lane]:
    try:
        return [Lane(name.strip()) for name in dict.fromkeys(value.split(","))]
    except ValueError as error:
        raise click.BadParameter(f"{error}; lanes are {', '.join(Lane)}.") from None


@click.command()
@click.option(
    "--lanes",
    default="interactive,batch",
    show_default=True,
    callback=_lanes,
    help="Lanes to serve, the most urgent first.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Chunks in hand at once.")
@click.option("--model", help="Name of a shipped model, or the folder of one.")
@click.option("--check", is_flag=True, help="Only tell whether a worker is alive on this machine.")
def worker(lanes: list[Lane], threads: int | None, model: str | None, check: bool) -> None:
    """Segment images until SIGTERM; several workers may share a machine."""
    settings = Settings()
    if check:
        sys.exit(0 if _is_alive(settings) else "No worker of this machine gives a sign of life.")
    chosen = {"worker_threads": threads, "model": model}
    settings = settings.model_copy(update={k: v for k, v in chosen.items() if v is not None})
    _log()
    _prepare_libraries(settings)
    sys.exit(_serve(settings, lanes))


def _log() -> None:
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Celery's lines about each message; ours about each chunk say more.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel("WARNING")


def _is_alive(settings: Settings) -> bool:
    from storage.connections import connect_redis
    from storage.roll import Roll

    workers = Roll(connect_redis(settings)).alive()
    return any(worker["host"] == socket.gethostname() for worker in workers)


def _prepare_libraries(settings: Settings) -> None:
    """What OpenCV and TensorFlow read from the environment when they are imported."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.max_image_pixels)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # One inference runs at a time and may have every core; decoding needs little of one.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(os.cpu_count() or 1))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    import cv2

    cv2.setNumThreads(1)


def _serve(settings: Settings, lanes: list[Lane]) -> int:
    # In this order, so that a wrong name is told before TensorFlow has been waited for.
    from ml.predictors import Predictors
    from storage.artifacts import Artifacts
    from storage.connections import open_store
    from worker.models import Models
    from worker.shelf import Shelf

    try:
        store = open_store(settings)
        store.check()
        shelf = Shelf(settings.model, Artifacts(store), settings.models_dir)
        shelf.publish_own()
    except RoadmaskError as error:
        sys.exit(f"The worker cannot start: {error.detail}")
    predictors = Predictors(settings)
    models = Models(
        settings.model, shelf.find, predictors.load, shelf.brought, predictors.parameters
    )
    log.info(
        "worker starts model=%s@%s sha256=%s engine=%s lanes=%s threads=%d",
        models.in_service.name,
        models.in_service.version,
        models.in_service.sha256[:12],
        predictors.choice(shelf.own).engine,
        ",".join(lanes),
        settings.worker_threads,
    )
    from worker.app import run_worker

    return run_worker(settings, models, lanes)
