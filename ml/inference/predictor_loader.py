"""Predictor loader: loads artifacts on the engine that suits this machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from ml.engines.choice import Choice, choose
from ml.inference.predictor import Predictor
from ml.registry.artifact import Artifact
from ml.registry.card import quality_mode
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.settings import Settings

log = logging.getLogger(__name__)


class PredictorLoader:
    """Loads artifacts. The engine of an artifact is chosen once, so all its masks are alike."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._choices: dict[str, Choice] = {}
        self._choosing = threading.Lock()

    def choice(self, artifact: Artifact) -> Choice:
        """The engine of an artifact. The first call may convert the network."""
        known = self._choices.get(artifact.sha256)
        if known is not None:
            return known
        with self._choosing:
            if artifact.sha256 not in self._choices:
                choice = choose(artifact, self._settings)
                name = str(artifact.model_version)
                log.info("engine=%s for %s: %s", choice.engine, name, choice.why)
                self._choices[artifact.sha256] = choice
        return self._choices[artifact.sha256]

    def parameters(self, artifact: Artifact, asked: MaskParameters) -> Mapping[str, object]:
        """What changes the artifact's masks: the engine, and what `asked` means for its card.

        Raises `InvalidRequest` if the card has no such quality.
        """
        parameters = dict(self.choice(artifact).parameters)
        mode = quality_mode(artifact.card, asked.quality)
        if asked.quality != "standard":
            # The mode and not its name: another card of the same weights may redefine it.
            parameters["quality"] = mode.model_dump(mode="json")
        return parameters

    def load(self, artifact: Artifact) -> Predictor:
        """The predictor of an artifact."""
        return Predictor(artifact, self.choice(artifact))
