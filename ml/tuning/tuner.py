"""Tuner: compiles the networks of an artifact, measures them here, and records the best one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage
from ml.engines.choice import choose, machine, missing
from ml.engines.compiled import CompiledNetworks, save_compiled
from ml.evaluation.inference import infer_images
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

    def run(
        self, images: Iterable[LoadedImage], data: str, repeats: int, left_out: list[LeftOut]
    ) -> TuningResult:
        """Calibrate on every second annotated image and measure on the others.

        The result is kept beside the compiled networks, where `auto` finds it. Images on which
        Keras fails are noted in `left_out`. Raises the errors of the float32 conversion and of
        `infer_images`, and `InvalidRequest` without TensorFlow or OpenVINO, and if no pixel is
        annotated: every engine would seem to lose nothing.
        """
        for engine in CANDIDATES[:2]:
            if problem := missing(engine):
                raise InvalidRequest(f"{problem} here: `roadmask tune` compares it with others.")
        keras = Predictor(self._artifact)
        self._report("masks of keras")
        found = list(infer_images(images, lambda batch: keras.predict(_images(batch)), left_out))
        measured = found[1::2] or found
        void = self._artifact.taxonomy.void
        if all((each.truth == void).all() for each, _ in measured):
            raise InvalidRequest(
                f"None of the {len(measured)} images of {data} to measure on has an annotated "
                "pixel. Name others with --data."
            )
        if find_spec("nncf") is None:
            self._report("int8 is left out: `pip install './server[tune]'` adds it")
        else:
            self._quantise(_images([each for each, _ in found[::2]]))
        trials = run_trials(
            keras, self._others(), measured, self._artifact.taxonomy, repeats, self._report
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

    def _quantise(self, images: Sequence[NDArray[np.uint8]]) -> None:
        from ml.tuning.quantisation import quantise

        self._report("converting")
        float32 = self._compiled.float32()
        self._report("calibrating int8")
        input_size = self._artifact.card.input_size
        resized = [
            resize(image, input_size.size(*image.shape[:2])) for image in images[:CALIBRATION]
        ]
        save_compiled(quantise(float32, resized), self._compiled.int8.parent)

    def _others(self) -> dict[EngineName, Predictor]:
        """The candidates beside Keras that this machine can run."""
        found = {}
        for name in CANDIDATES[1:]:
            choice = choose(self._artifact, self._settings, name)
            if choice.engine == name:
                found[name] = Predictor(self._artifact, choice)
            else:
                self._report(f"{name} is left out: {choice.why}")
        return found


def _images(batch: Sequence[LoadedImage]) -> list[NDArray[np.uint8]]:
    return [each.image for each in batch]
