"""Models by name: loaded once, evicted, and refused."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from roadmask.errors import ModelNotFound
from tests.harness.latch import Latch
from tests.harness.worker.tiny_model import Brightness, TinyArtifact, find, models_loaded_by


def test_the_model_in_service_stays_in_memory_while_others_are_evicted() -> None:
    loaded: Counter[str] = Counter()

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] += 1
        return Brightness()

    models = models_loaded_by(load)
    for name in ("default", "first", "second", "first", "default", "brightness"):
        models.predictor(models.find(name))
    assert loaded == {"brightness": 1, "first": 2, "second": 1}


def test_concurrent_requests_load_a_model_once() -> None:
    latch, loaded = Latch(), Counter[str]()

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] += 1
        latch.hold()
        return Brightness()

    models = models_loaded_by(load)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(models.predictor, find("new")) for _ in range(4)]
        latch.wait_until_reached()
        latch.release()
        assert len({id(task.result()) for task in waiting}) == 1
    assert loaded == {"new": 1}
    assert models.loaded == ["new@1"]


@pytest.mark.parametrize("name", ["", ".", "../models", "/srv/models/a", "a/b"])
def test_a_job_cannot_name_a_folder(name: str) -> None:
    with pytest.raises(ModelNotFound, match="not a model name"):
        Brightness().models().find(name)
