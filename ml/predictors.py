"""Predictors: artifacts on the engines that suit this machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from ml.artifact import Artifact
from ml.engines.choice import Choice, choose
from ml.predictor import Predictor
from roadmask.settings import Settings

log = logging.getLogger(__name__)


class Predictors:
    """Loads artifacts; the engine of each is chosen once, so that all its masks are of one kind."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._choices: dict[str, Choice] = {}
        self._choosing = threading.Lock()

    def choice(self, artifact: Artifact) -> Choice:
        """The engine of an artifact. The first time its network may have to be converted."""
        known = self._choices.get(artifact.sha256)
        if known is not None:
            return known
        with self._choosing:
            if artifact.sha256 not in self._choices:
                choice = choose(artifact, self._settings)
                name = f"{artifact.name}@{artifact.version}"
                log.info("engine=%s for %s: %s", choice.engine, name, choice.why)
                self._choices[artifact.sha256] = choice
        return self._choices[artifact.sha256]

    def parameters(self, artifact: Artifact) -> Mapping[str, object]:
        """What beside the artifact decides its masks."""
        return self.choice(artifact).parameters

    def load(self, artifact: Artifact) -> Predictor:
        """The artifact in memory."""
        return Predictor(artifact, self.choice(artifact))
