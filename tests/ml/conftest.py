"""Fixtures of the model room: a data set and an artifact with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

from ml.artifact import Artifact
from ml.checkpoint import Progress
from ml.models.registry import NETWORKS
from ml.models.unet_mini import UNetMini
from ml.publication import publish
from ml.recipes.registry import UNET_MINI
from ml.run import Run
from ml.training import train
from tests.ml.narrow import NETWORK, run_of
from tests.ml.streets import write_streets


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 6 annotated images."""
    return write_streets(tmp_path_factory.mktemp("data") / "streets", 6)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory, streets: Path) -> Artifact:
    """An artifact of a narrow network that has learnt nothing."""
    keras.utils.set_random_seed(5)
    folder = tmp_path_factory.mktemp("narrow")
    run = Run(UNET_MINI.smoke(), [streets], [streets], folder, "narrow")
    return publish(run, UNetMini(widths=(4, 4, 8, 8, 16)), Progress(git_revision="0123456789ab"))


@pytest.fixture(scope="session")
def narrow() -> Iterator[None]:
    """The registry has the network `narrow`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "narrow", NETWORK)
        yield


@pytest.fixture(scope="session")
def finished(streets: Path, narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the narrow network that was not interrupted."""
    run = run_of(streets, tmp_path_factory.mktemp("finished"))
    train(run)
    return run
