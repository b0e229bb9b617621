"""Choice: which engine serves an artifact on this machine, and why."""

from __future__ import annotations

import hashlib
import logging
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ml.artifact import Artifact
from ml.engines.forms import Forms
from ml.engines.tuning import read_tuning
from roadmask.settings import EngineName, Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """An engine, with what it runs."""

    engine: EngineName
    why: str
    form: Path | None = None
    """What OpenVINO runs; None for Keras."""

    @cached_property
    def precision(self) -> str:
        """`f32` or `bf16`: what OpenVINO computes in where the form is not quantised."""
        if self.engine == "openvino-int8":
            return "bf16" if "BF16" in capabilities() else "f32"
        return "bf16" if self.engine == "openvino-bf16" else "f32"

    @cached_property
    def parameters(self) -> Mapping[str, object]:
        """What of the engine decides a mask; empty for the reference.

        An int8 form also depends on the images that it was calibrated on: its bytes stand for them.
        """
        if self.form is None:
            return {}
        told: dict[str, object] = {"engine": self.engine}
        if self.engine == "openvino-int8":
            told["precision"] = self.precision
            weights = self.form.with_suffix(".bin").read_bytes()
            told["form"] = hashlib.sha256(weights).hexdigest()[:16]
        return told


def choose(artifact: Artifact, settings: Settings, name: EngineName | None = None) -> Choice:
    """The engine that the settings (or `name`) ask for; Keras where that one cannot be had.

    `auto` is what `roadmask tune` chose on this kind of machine; else, without any measurement,
    OpenVINO in bf16 where the processor computes in it, else in float32.
    """
    asked = name or settings.engine
    if asked == "auto":
        return _automatic(artifact, settings)
    return _with_form(artifact, settings, asked, "asked for")


def _automatic(artifact: Artifact, settings: Settings) -> Choice:
    if has_gpu():
        return Choice("keras", "there is a graphics processor")
    if find_spec("openvino") is None:
        return Choice("keras", "OpenVINO is not installed")
    tuning = read_tuning(Forms(artifact, settings).tuning)
    if tuning is not None and tuning.machine == machine():
        return _with_form(artifact, settings, tuning.engine, f"tuned here: {tuning.why}")
    if "BF16" in capabilities():
        return _with_form(artifact, settings, "openvino-bf16", "not tuned; there are bf16 units")
    return _with_form(artifact, settings, "openvino-f32", "not tuned; there are no bf16 units")


def _with_form(artifact: Artifact, settings: Settings, engine: EngineName, why: str) -> Choice:
    """The choice with what it needs, or Keras and the reason why not."""
    if engine == "keras":
        return Choice(engine, why)
    problem = _missing(engine)
    forms = Forms(artifact, settings)
    if not problem and engine == "openvino-int8":
        if forms.int8.exists():
            return Choice(engine, why, forms.int8)
        problem = f"there is no int8 form; make it with `roadmask tune {artifact.name}`"
    if not problem:
        try:
            return Choice(engine, why, forms.float32())
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None) or b""
            log.warning("Conversion for OpenVINO failed: %s %s", error, told.decode()[-2000:])
            problem = "its conversion failed"
    return Choice("keras", f"instead of {engine} ({why}): {problem}")


def _missing(engine: EngineName) -> str:
    """What this machine lacks for an engine of OpenVINO."""
    if find_spec("openvino") is None:
        return "OpenVINO is not installed"
    if engine == "openvino-bf16" and "BF16" not in capabilities():
        return "this processor has no bf16 units"
    return ""


def capabilities() -> list[str]:
    """The kinds of arithmetic that OpenVINO finds in this processor, such as `BF16`."""
    import openvino as ov

    found: list[str] = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


def machine() -> dict[str, str]:
    """What a measurement of speed holds for."""
    import openvino as ov

    name = str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME"))
    return {"processor": name, "openvino": version("openvino")}


def has_gpu() -> bool:
    """Whether TensorFlow computes on a graphics processor."""
    # TensorFlow takes seconds and much memory to load: only where there may be one.
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/kfd").exists():
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
