from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ml.cli.interruption import Interruption
from ml.data.data_source import DataSource
from ml.networks.registry import NETWORKS
from ml.networks.unet import UNetMini
from ml.registry.artifact import Artifact
from ml.training.checkpoint import read_progress
from ml.training.train import train
from ml.training.training_run import Run, TrainingStep
from roadmask.errors import InvalidRequest, TrainingStopped
from tests.harness.ml.eager import eagerly
from tests.harness.ml.narrow_network import draft_of, run_of
from tests.harness.ml.street_folder import write_streets
from tests.harness.ml.tensorboard_events import read_scalars


@pytest.fixture(scope="module", autouse=True)
def without_graphs() -> Iterator[None]:
    """As `finished` was trained: its weights are compared bit by bit."""
    with eagerly():
        yield


class ManagedProcess:
    """A run in a process of its own."""

    def __init__(self, streets: Path, run: Run) -> None:
        words = [str(streets), str(run.folder), str(run.checkpoint_s)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.ml.narrow_network", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> ManagedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def go_to(self, place: str) -> None:
        """Let it go on until it tells that place; it then waits in the middle of its epoch."""
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline().strip()) != place:
            assert line, f"The run ended before {place}."
            self.go_on()

    def go_on(self) -> None:
        """Let it do what comes next."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._process.kill()
        self._process.communicate()


def kill_while_it_writes(child: ManagedProcess, draft: Path) -> None:
    """The draft is a pipe: the writer waits until somebody reads, and is killed half way."""
    os.mkfifo(draft)
    child.go_on()
    with draft.open("rb") as pipe:
        assert len(pipe.read(1000)) == 1000
        child.kill()
    draft.unlink()


@pytest.mark.timeout(300)  # The run starts three times, once in a process of its own.
def test_a_run_killed_while_it_saves_and_then_stopped_ends_as_an_uninterrupted_one(
    finished: Run, streets: Path, tmp_path: Path
) -> None:
    run = run_of(streets, tmp_path)
    with ManagedProcess(streets, replace(run, checkpoint_s=0)) as child:
        child.go_to("2.2")
        kill_while_it_writes(child, draft_of(run.checkpoint))
    done = read_progress(run.checkpoint)
    assert (done.epoch, len(done.losses)) == (1, 1)

    with pytest.raises(TrainingStopped, match="after epoch 1 and 2 steps"):
        train(run, stopped=lambda: True)
    assert len(read_progress(run.checkpoint).losses) == 2

    resumed, expected = train(run), Artifact.load(finished.folder / "artifact")
    assert resumed.sha256 == expected.sha256
    assert resumed.card.metrics == expected.card.metrics
    assert resumed.card.curves == expected.card.curves
    assert len(read_scalars(run.folder / "tensorboard")) == 2


def test_ctrl_c_stops_between_two_steps_and_says_how_to_go_on(
    streets: Path, narrow: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(streets, tmp_path)

    def press_ctrl_c(moment: TrainingStep) -> None:
        if (moment.epoch, moment.step) == (1, 2):
            # `test_interruption.py` has the signal itself, which could end this process.
            handle = signal.getsignal(signal.SIGINT)
            assert callable(handle)
            handle(signal.SIGINT, None)

    advice = "the same command goes on from there"
    with Interruption() as interruption, pytest.raises(TrainingStopped, match=advice):
        train(run, press_ctrl_c, interruption)
    assert "Stopping at the next step; once more to stop at once." in capsys.readouterr().err
    assert len(read_progress(run.checkpoint).losses) == 2


def test_a_run_of_another_recipe_is_not_gone_on_with(finished: Run) -> None:
    with pytest.raises(InvalidRequest, match="seed: 1 there, 2 here"):
        train(replace(finished, recipe=replace(finished.recipe, seed=2)))


@pytest.mark.parametrize("option", ["data", "val"])
def test_a_run_of_other_data_is_not_gone_on_with(
    finished: Run, tmp_path: Path, option: str
) -> None:
    """Its card would name the new data alone, with their terms."""
    other = write_streets(tmp_path / "other", 4)
    runs = {
        "data": replace(finished, data=[DataSource(other)]),
        "val": replace(finished, validation=[other]),
    }
    with pytest.raises(InvalidRequest, match=f"other --{option} \\(.*streets.* there, .*other"):
        train(runs[option])


def test_a_run_of_a_network_that_has_changed_since_is_refused(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "narrow", partial(UNetMini, widths=(4, 8, 8)))
    with pytest.raises(InvalidRequest, match="its code has changed since"):
        train(finished)


def test_fields_that_a_recipe_did_not_have_yet_had_their_defaults(
    finished: Run, tmp_path: Path
) -> None:
    with np.load(finished.checkpoint) as stored:
        words = json.loads(str(stored["words"]))
    del words["recipe"]["augment_share"], words["progress"]["git_revision"]
    np.savez(tmp_path / "old.npz", words=np.array(json.dumps(words)))
    assert read_progress(tmp_path / "old.npz", finished.recipe).epoch == 2
    with pytest.raises(InvalidRequest, match=r"augment_share: 0\.0 there, 0\.1 here"):
        read_progress(tmp_path / "old.npz", replace(finished.recipe, augment_share=0.1))
