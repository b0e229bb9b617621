"""Messages are small, name a job, and reach their lane."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from roadmask.jobs import Lane
from storage.dispatch import PREFIX, TASK, celery_config
from tests.records.hands import Hands


def messages(hands: Hands, lane: Lane) -> list[dict[str, Any]]:
    raw: Any = hands.redis.lrange(f"{PREFIX}{lane}", 0, -1)
    return [json.loads(message) for message in raw]


@pytest.mark.parametrize("lane", list(Lane))
def test_a_message_says_that_a_job_has_work(hands: Hands, lane: Lane) -> None:
    hands.dispatch.send("an-id", lane, copies=3)
    assert hands.dispatch.depth(lane) == 3
    assert sum(hands.dispatch.depth(other) for other in Lane) == 3
    message = messages(hands, lane)[0]
    assert message["headers"]["task"] == TASK
    assert message["content-type"] == "application/json"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["an-id"], {})
    assert len(json.dumps(message)) < 1200


def test_an_emptied_redis_takes_messages_again_at_once(hands: Hands) -> None:
    hands.dispatch.send("an-id", Lane.BATCH)
    hands.redis.flushall()
    hands.dispatch.send("an-id", Lane.BATCH)
    assert hands.dispatch.depth(Lane.BATCH) == 1


def test_what_brings_a_message_back_outlasts_three_items(hands: Hands) -> None:
    config = celery_config(hands.settings)
    timeout = hands.settings.visibility_timeout_s
    assert timeout == 3 * hands.settings.item_deadline_s
    assert config["visibility_timeout"] == timeout
    assert config["broker_transport_options"]["visibility_timeout"] == timeout
    assert [queue.name for queue in config["task_queues"]] == ["interactive", "batch"]


def test_the_records_do_without_celery() -> None:
    script = (
        "import sys, storage, storage.job_records, storage.watch; print('celery' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
