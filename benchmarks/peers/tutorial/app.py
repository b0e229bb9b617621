"""The stack of the tutorials: FastAPI, Celery, Redis and MinIO.

`python -m benchmarks.peers.tutorial.app PORT` starts uvicorn with one process for each core, as its
documentation recommends, and Celery's prefork pool with as many. A job is one task for one image;
its client polls the status, which is that of Celery's result backend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import uvicorn
from celery.result import AsyncResult
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from benchmarks.peers.objects import Objects
from benchmarks.peers.tutorial.tasks import app as celery
from benchmarks.peers.tutorial.tasks import segment

app = FastAPI()
objects = Objects()


@app.post("/segment", status_code=202)
async def submit(request: Request) -> dict[str, str]:
    data = await request.body()
    key = uuid.uuid4().hex
    await run_in_threadpool(objects.put, key, data)
    task = await run_in_threadpool(segment.delay, key)
    return {"id": task.id}


@app.get("/segment/{task_id}")
def status(task_id: str) -> dict[str, str]:
    return {"status": AsyncResult(task_id, app=celery).status.lower()}


@app.get("/segment/{task_id}/mask")
def mask(task_id: str) -> Response:
    name: str = AsyncResult(task_id, app=celery).get()
    return Response(objects.get(name), media_type="image/png")


if __name__ == "__main__":
    objects.make()
    command = [sys.executable, "-m", "celery", "--app", "benchmarks.peers.tutorial.tasks"]
    options = ["worker", "--pool", "prefork", "--concurrency", str(os.cpu_count())]
    # The harness ends the whole process group.
    subprocess.Popen([*command, *options, "--without-gossip", "--without-mingle"])
    uvicorn.run(
        "benchmarks.peers.tutorial.app:app",
        port=int(sys.argv[1]),
        workers=os.cpu_count(),
        log_level="warning",
    )
