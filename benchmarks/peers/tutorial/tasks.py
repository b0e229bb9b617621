"""The worker of the tutorial stack: Celery's prefork pool, one task for each image.

`celery --app benchmarks.peers.tutorial.tasks worker`. Each process has the model; it is loaded
after the fork, because the threads of OpenVINO and TensorFlow do not survive one. The API imports
this file, too, and does not load the model's libraries.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from celery import Celery
from celery.signals import worker_process_init

from benchmarks.peers.objects import Objects

if TYPE_CHECKING:
    from benchmarks.peers.segmenting import Segmenting

app = Celery("tasks", broker=os.environ["PEER_REDIS"], backend=os.environ["PEER_REDIS"])
app.conf.worker_prefetch_multiplier = 1


@cache
def segmenting() -> Segmenting:
    from benchmarks.peers.segmenting import Segmenting

    return Segmenting()


@cache
def objects() -> Objects:
    return Objects()


@worker_process_init.connect
def load(**_: object) -> None:
    segmenting()


@app.task(name="segment")
def segment(key: str) -> str:
    (mask,) = segmenting().masks([objects().get(key)])
    name = f"{key}.png"
    objects().put(name, mask)
    return name
