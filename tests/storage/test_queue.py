"""Messages are small, name a job, and reach their lane."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from roadmask.local.redis import find_redis
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.queue import PREFIX, TASK, celery_config
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until


def messages(harness: RecordsHarness, lane: Lane) -> list[dict[str, Any]]:
    raw: Any = harness.redis.lrange(f"{PREFIX}{lane}", 0, -1)
    return [json.loads(message) for message in raw]


@pytest.mark.parametrize("lane", list(Lane))
def test_a_message_says_that_a_job_has_work(harness: RecordsHarness, lane: Lane) -> None:
    harness.queue.send("an-id", lane, copies=3)
    assert harness.queue.depth(lane) == 3
    assert sum(harness.queue.depth(other) for other in Lane) == 3
    message = messages(harness, lane)[0]
    assert message["headers"]["task"] == TASK
    assert message["content-type"] == "application/json"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["an-id"], {})
    assert len(json.dumps(message)) < 1200


def test_celery_takes_and_acknowledges_our_messages(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would set up the logging of this process, and keep the app as that of all later tests.
    setup = "celery.contrib.testing.worker.setup_app_for_worker"
    monkeypatch.setattr(setup, lambda app, *_: app.finalize())
    app = Celery("roadmask", set_as_current=False, fixups=[])
    app.conf.update(celery_config(harness.settings))
    app.conf.update(worker_pool="solo", task_acks_late=True)
    taken: list[tuple[str, str]] = []

    @app.task(name=TASK, bind=True)
    def work(task: Any, job_id: str) -> None:
        taken.append((job_id, task.request.delivery_info["routing_key"]))

    for lane in Lane:
        harness.queue.send("an-id", lane, copies=2)
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
        wait_until(lambda: len(taken) == 4)
    assert sorted(taken) == [("an-id", lane.value) for lane in sorted(Lane) for _ in range(2)]
    assert harness.redis.keys(f"{PREFIX}unacked*") == []
    app.close()


def test_a_lane_gives_what_celery_sends(harness: RecordsHarness) -> None:
    app = Celery("roadmask", set_as_current=False, fixups=[])
    app.conf.update(celery_config(harness.settings))
    app.send_task(TASK, ("first",), queue=Lane.INTERACTIVE.value)
    app.close()
    harness.queue.send("second", Lane.INTERACTIVE)
    taken = [harness.queue.take(Lane.INTERACTIVE, 0.1) for _ in range(3)]
    assert taken == ["first", "second", None]


def test_an_emptied_redis_takes_messages_again_at_once(harness: RecordsHarness) -> None:
    harness.queue.send("an-id", Lane.BATCH)
    harness.redis.flushall()
    harness.queue.send("an-id", Lane.BATCH)
    assert harness.queue.depth(Lane.BATCH) == 1


def test_what_brings_a_message_back_outlasts_three_items(harness: RecordsHarness) -> None:
    config = celery_config(harness.settings)
    timeout = harness.settings.visibility_timeout_s
    assert timeout == 3 * harness.settings.item_deadline_s
    assert config["visibility_timeout"] == timeout
    assert config["broker_transport_options"]["visibility_timeout"] == timeout
    assert [queue.name for queue in config["task_queues"]] == ["interactive", "batch"]


def test_messages_and_records_share_one_redis_over_a_socket_with_a_password(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--requirepass", "p@ss/word"]
    server = subprocess.Popen(
        [str(find_redis()), *options], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(socket.exists)
        url = f"unix://:p%40ss%2Fword@{socket}?db=2"
        settings = Settings(redis_url=url, data_dir=tmp_path, secret="signs links in tests")
        with RecordsHarness.open(settings) as harness:
            harness.queue.send("an-id", Lane.BATCH)
            assert harness.queue.depth(Lane.BATCH) == 1
    finally:
        server.terminate()
        server.wait()


@pytest.mark.slow
def test_the_records_do_without_celery() -> None:
    script = "import sys, storage.backends; print('celery' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
