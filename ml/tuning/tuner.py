"""Tuner: compiles the networks of an artifact, measures them here, and records the best one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from ml.data.samples import Pair
from ml.engines.choice import choose, machine
from ml.engines.compiled import CompiledNetworks, save_compiled
from ml.inference.predictor import Predictor
from ml.inference.segmenter import resize
from ml.registry.artifact import Artifact
from ml.tuning.trials import run_trials
from ml.tuning.tuning_result import TuningResult, best
from roadmask.errors import InvalidRequest
from roadmask.settings import EngineName, Settings

CANDIDATES: tuple[EngineName, ...] = ("keras", "openvino-f32", "openvino-bf16", "openvino-int8")
CALIBRATION = 32
"""Largest number of calibration images. Each takes seconds."""


class Tuner:
    """Tunes one artifact. `report` is called with each step, and with each engine that is not
    available.
    """

    def __init__(
        self, artifact: Artifact, settings: Settings, report: Callable[[str], None]
    ) -> None:
        self._artifact = artifact
        self._settings = settings
        self._compiled = CompiledNetworks(artifact, settings)
        self._report = report

    def run(self, pairs: Sequence[Pair], data: str, repeats: int) -> TuningResult:
        """Calibrate on every second annotated image and measure on the others.

        The result is kept beside the compiled networks, where `auto` finds it. Raises the errors of
        the float32 conversion, and `InvalidRequest` if no pixel is annotated: every engine would
        seem to lose nothing.
        """
        measured = pairs[1::2] or pairs
        void = self._artifact.taxonomy.void
        if all((truth == void).all() for _, truth in measured):
            raise InvalidRequest(
                f"None of the {len(measured)} images of {data} to measure on has an annotated "
                "pixel. Name others with --data."
            )
        if find_spec("nncf") is None:
            self._report("int8 is left out: `pip install './server[tune]'` adds it")
        else:
            self._quantise(pairs[::2])
        trials = run_trials(
            self._predictors(), measured, self._artifact.taxonomy, repeats, self._report
        )
        tuning = TuningResult(
            machine=machine(),
            data=data,
            images=len(measured),
            trials=trials,
            engine=best(trials).engine,
        )
        self._compiled.tuning.write_text(tuning.model_dump_json(indent=2) + "\n")
        return tuning

    def _quantise(self, pairs: Sequence[Pair]) -> None:
        from ml.tuning.quantisation import quantise

        self._report("converting")
        float32 = self._compiled.float32()
        self._report("calibrating int8")
        input_size = self._artifact.card.input_size
        images = [
            resize(image, input_size.size(*image.shape[:2])) for image, _ in pairs[:CALIBRATION]
        ]
        save_compiled(quantise(float32, images), self._compiled.int8.parent)

    def _predictors(self) -> dict[EngineName, Predictor]:
        """The candidates that this machine can run."""
        found = {}
        for name in CANDIDATES:
            choice = choose(self._artifact, self._settings, name)
            if choice.engine == name:
                found[name] = Predictor(self._artifact, choice)
            else:
                self._report(f"{name} is left out: {choice.why}")
        return found
