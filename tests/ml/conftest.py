"""A dataset, an artifact with random weights, and a finished training run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

from ml.data.data_source import DataSource
from ml.engines.compiled import CompiledNetworks, save_compiled
from ml.engines.conversion import convert
from ml.networks.registry import NETWORKS
from ml.recipes.registry import UNET_MINI
from ml.registry.artifact import Artifact
from ml.training.checkpoint import TrainingState
from ml.training.publish import publish
from ml.training.train import train
from ml.training.training_run import Run
from roadmask.settings import Settings
from tests.harness.ml.eager import eagerly
from tests.harness.ml.narrow_network import NETWORK, run_of
from tests.harness.ml.street_folder import write_streets


@pytest.fixture(autouse=True)
def no_limit_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first decoder of a process puts its limit on pixels where child processes inherit it."""
    monkeypatch.delenv("OPENCV_IO_MAX_IMAGE_PIXELS", raising=False)


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 6 annotated images."""
    return write_streets(tmp_path_factory.mktemp("data") / "streets", 6)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory, streets: Path) -> Artifact:
    """An artifact of a narrow, untrained network, with its form for OpenVINO."""
    keras.utils.set_random_seed(5)
    folder = tmp_path_factory.mktemp("narrow")
    run = Run(UNET_MINI.smoke(), [DataSource(streets)], [streets], folder, "narrow")
    artifact = publish(run, NETWORK(), TrainingState(git_revision="0123456789ab"))
    # A process for it would import TensorFlow anew; the tests of engines have that.
    network = CompiledNetworks(artifact, Settings()).folder / "float32"
    save_compiled(convert(artifact.load_model(), artifact.answers), network)
    return artifact


@pytest.fixture(scope="session")
def narrow() -> Iterator[None]:
    """Adds the network `narrow` to the registry of networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "narrow", NETWORK)
        yield


@pytest.fixture(scope="session")
def finished(streets: Path, narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished training run of the narrow network."""
    run = run_of(streets, tmp_path_factory.mktemp("finished"))
    with eagerly():
        train(run)
    return run
