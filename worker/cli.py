"""`roadmask worker`: run a worker process."""

from __future__ import annotations

import logging
import os
import socket
import sys

import click

from roadmask.errors import RoadmaskError
from roadmask.machine import cores, share_heap
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.telemetry.logs import configure_logging

log = logging.getLogger(__name__)


def _lanes(_context: click.Context, _option: click.Parameter, value: str) -> list[Lane]:
    try:
        return [Lane(name.strip()) for name in dict.fromkeys(value.split(","))]
    except ValueError as error:
        raise click.BadParameter(f"{error}; the lanes are {', '.join(Lane)}.") from None


@click.command()
@click.option(
    "--lanes",
    default="interactive,batch",
    show_default=True,
    callback=_lanes,
    help="Lanes to serve, the first one with priority.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Chunks of a lane to work on at once.")
@click.option("--model", help="Name or folder of the model to serve.")
@click.option(
    "--check", is_flag=True, help="Exit with 0 if a worker is alive on this machine, else with 1."
)
def worker(lanes: list[Lane], threads: int | None, model: str | None, check: bool) -> None:
    """Segment images until SIGTERM. A machine may run several workers."""
    settings = Settings()
    if check:
        sys.exit(0 if _is_alive(settings) else "No worker is alive on this machine.")
    options = {"worker_threads": threads, "model": model}
    settings = settings.model_copy(update={k: v for k, v in options.items() if v is not None})
    configure_logging(settings.log_format)
    _prepare_libraries(settings)
    sys.exit(_serve(settings, lanes))


def _is_alive(settings: Settings) -> bool:
    from storage.connections import connect_redis
    from storage.workers import WorkerRegistry

    workers = WorkerRegistry(connect_redis(settings)).list_live()
    return any(worker.host == socket.gethostname() for worker in workers)


def _prepare_libraries(settings: Settings) -> None:
    """Set the environment variables that OpenCV and TensorFlow read when they are imported."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.max_image_pixels)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # TensorFlow runs one inference at a time on all cores. Decoding needs part of one core.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores()))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    import cv2

    cv2.setNumThreads(1)


def _serve(settings: Settings, lanes: list[Lane]) -> int:
    # The repository comes first, so that a wrong name is reported before TensorFlow is loaded.
    from ml.inference.predictor_loader import PredictorLoader
    from storage.connections import open_store
    from storage.models.registry import ModelRegistry
    from worker.models.loaded import LoadedModels
    from worker.models.repository import ModelRepository

    try:
        store = open_store(settings)
        store.check()
        repository = ModelRepository(
            settings.model,
            ModelRegistry(store),
            settings.models_dir,
            settings.model_public_keys,
        )
        repository.publish_own()
        repository.introduce_shipped()
    except RoadmaskError as error:
        sys.exit(f"The worker cannot start: {error.detail}")
    predictors = PredictorLoader(settings)
    engine = predictors.choice(repository.own).engine
    if engine != "keras":
        # The threads of a worker allocate little at once, unlike the threads of TensorFlow.
        share_heap()
    log.info(
        "worker starts model=%s sha256=%s engine=%s lanes=%s threads=%d",
        repository.own.model_version,
        repository.own.sha256[:12],
        engine,
        ",".join(lanes),
        settings.worker_threads,
    )
    from worker.app import run_worker

    return run_worker(settings, LoadedModels(repository, predictors), lanes)
