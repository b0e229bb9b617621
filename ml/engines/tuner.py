"""Tuner: makes the forms of an artifact, measures them here, and writes down which is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from ml.artifact import Artifact
from ml.data.samples import Pair
from ml.engines.choice import choose, machine
from ml.engines.forms import Forms, keep
from ml.engines.trials import run_trials
from ml.engines.tuning import Tuning, best
from ml.predictor import Predictor
from ml.segmenter import resize
from roadmask.settings import EngineName, Settings

CANDIDATES: tuple[EngineName, ...] = ("keras", "openvino-f32", "openvino-bf16", "openvino-int8")
CALIBRATION = 32
"""Most images that activations are measured on: seconds each."""


class Tuner:
    """Tunes one artifact; `told` is told of each step, and of what cannot be had."""

    def __init__(self, artifact: Artifact, settings: Settings, told: Callable[[str], None]) -> None:
        self._artifact = artifact
        self._settings = settings
        self._forms = Forms(artifact, settings)
        self._told = told

    def run(self, pairs: Sequence[Pair], data: str, repeats: int) -> Tuning:
        """Calibrate on every second of the annotated images and measure on the others.

        The choice is kept beside the forms, where `auto` finds it. Raises what making the float32
        form raises.
        """
        if find_spec("nncf") is None:
            self._told("int8 is left out: `pip install '.[tune]'` in a clone brings what makes it")
        else:
            self._quantise(pairs[::2])
        measured = pairs[1::2] or pairs
        trials = run_trials(
            self._predictors(), measured, self._artifact.taxonomy, repeats, self._told
        )
        tuning = Tuning(
            machine=machine(),
            data=data,
            images=len(measured),
            trials=trials,
            engine=best(trials).engine,
        )
        self._forms.tuning.write_text(tuning.model_dump_json(indent=2) + "\n")
        return tuning

    def _quantise(self, pairs: Sequence[Pair]) -> None:
        from ml.engines.quantisation import quantise

        self._told("converting")
        float32 = self._forms.float32()
        self._told("calibrating int8")
        fit = self._artifact.card.fit
        images = [resize(image, fit.size(*image.shape[:2])) for image, _ in pairs[:CALIBRATION]]
        keep(quantise(float32, images), self._forms.int8.parent)

    def _predictors(self) -> dict[EngineName, Predictor]:
        """Those of the candidates that this machine can run."""
        found = {}
        for name in CANDIDATES:
            choice = choose(self._artifact, self._settings, name)
            if choice.engine == name:
                found[name] = Predictor(self._artifact, choice)
            else:
                self._told(f"{name} is left out: {choice.why}")
        return found
