"""Models by name: which are loaded, kept, and refused."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from roadmask.errors import ModelNotFound
from tests.worker.brightness import Brightness, TinyArtifact, find
from tests.worker.gates import Gate
from worker.models import Models


def test_the_model_in_service_stays_while_others_take_turns() -> None:
    loaded: Counter[str] = Counter()

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] += 1
        return Brightness()

    models = Models("default", find, load)
    for name in ("default", "first", "second", "first", "default", "brightness"):
        models.predictor(models.artifact(name))
    assert loaded == {"brightness": 1, "first": 2, "second": 1}


def test_many_who_want_a_model_have_it_loaded_once() -> None:
    gate, loaded = Gate(), Counter[str]()

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] += 1
        gate.pass_through()
        return Brightness()

    models = Models("default", find, load)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(models.predictor, find("new")) for _ in range(4)]
        gate.wait_for_arrival()
        gate.open()
        assert len({id(task.result()) for task in waiting}) == 1
    assert loaded == {"new": 1}
    assert models.loaded == ["new@1"]


@pytest.mark.parametrize("name", ["", ".", "../models", "/srv/models/a", "a/b"])
def test_only_the_operator_names_folders(name: str) -> None:
    with pytest.raises(ModelNotFound, match="not the name"):
        Models("default", find, lambda _: Brightness()).artifact(name)
