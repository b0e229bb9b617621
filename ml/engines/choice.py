"""Choice: the engine that serves an artifact on this machine, and the reason."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ml.engines.compiled import CompiledNetworks
from ml.registry.artifact import Artifact
from ml.tuning.tuning_result import read_tuning_result
from roadmask.hashing import sha256_of_file
from roadmask.settings import EngineName, Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """An engine and the network that it runs."""

    engine: EngineName
    why: str
    network: Path | None = None
    """The compiled network for OpenVINO; None for Keras."""

    @cached_property
    def precision(self) -> str:
        """`f32` or `bf16`: the data type of OpenVINO for all layers that are not int8."""
        if self.engine == "openvino-int8":
            return "bf16" if "BF16" in capabilities() else "f32"
        return "bf16" if self.engine == "openvino-bf16" else "f32"

    @cached_property
    def parameters(self) -> Mapping[str, object]:
        """Engine parameters that change the mask, part of its key; empty for Keras.

        int8 also includes the hash of its weights, which stands for its calibration images.
        """
        if self.network is None:
            return {}
        parameters: dict[str, object] = {"engine": self.engine}
        if self.engine == "openvino-int8":
            parameters["precision"] = self.precision
            parameters["form"] = sha256_of_file(self.network.with_suffix(".bin"))[:16]
        return parameters


def choose(artifact: Artifact, settings: Settings, name: EngineName | None = None) -> Choice:
    """The engine that `name` or the settings ask for, or Keras if that one is not available.

    Without TensorFlow it is OpenVINO in float32 instead of Keras. Raises `EngineNotFound` if the
    artifact has no network for it.

    `auto` is the engine that `roadmask tune` chose on this kind of machine. Without a measurement
    it is OpenVINO: in bf16 if the processor computes in it, else in float32.
    """
    asked = name or settings.engine
    if asked == "auto":
        return _automatic(artifact, settings)
    return _with_network(artifact, settings, asked, "asked for")


def _automatic(artifact: Artifact, settings: Settings) -> Choice:
    if has_gpu():
        return Choice("keras", "there is a graphics processor")
    if find_spec("openvino") is None:
        return Choice("keras", "OpenVINO is not installed")
    tuning = read_tuning_result(CompiledNetworks(artifact, settings).tuning)
    if tuning is not None and tuning.machine == machine():
        return _with_network(artifact, settings, tuning.engine, f"tuned here: {tuning.why}")
    if "BF16" in capabilities():
        return _with_network(artifact, settings, "openvino-bf16", "not tuned; there are bf16 units")
    return _with_network(artifact, settings, "openvino-f32", "not tuned; there are no bf16 units")


def _with_network(artifact: Artifact, settings: Settings, engine: EngineName, why: str) -> Choice:
    """The choice with its compiled network, or another engine and the reason why."""
    problem = missing(engine)
    if engine == "keras" and not problem:
        return Choice(engine, why)
    compiled = CompiledNetworks(artifact, settings)
    if not problem and engine == "openvino-int8":
        if compiled.int8.exists():
            return Choice(engine, why, compiled.int8)
        problem = f"there is no int8 network; make it with `roadmask tune {artifact.model_version}`"
    if find_spec("tensorflow") is None:
        # There is no Keras to fall back on: `float32` says what is missing.
        if problem:
            engine, why = "openvino-f32", f"instead of {engine} ({why}): {problem}"
        return Choice(engine, why, compiled.float32())
    if not problem:
        try:
            return Choice(engine, why, compiled.float32())
        except (OSError, subprocess.SubprocessError) as error:
            stderr = getattr(error, "stderr", None) or b""
            log.warning("Conversion for OpenVINO failed: %s %s", error, stderr.decode()[-2000:])
            problem = "its conversion failed"
    return Choice("keras", f"instead of {engine} ({why}): {problem}")


def missing(engine: EngineName) -> str:
    """What this machine lacks for an engine; empty if nothing."""
    if engine == "keras":
        return "" if find_spec("tensorflow") else "TensorFlow is not installed"
    if find_spec("openvino") is None:
        return "OpenVINO is not installed"
    if engine == "openvino-bf16" and "BF16" not in capabilities():
        return "this processor has no bf16 units"
    return ""


def capabilities() -> list[str]:
    """The data types that OpenVINO supports on this processor, such as `BF16`."""
    import openvino as ov

    found: list[str] = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


def machine() -> dict[str, str]:
    """The machine that a measurement of speed is valid for."""
    import openvino as ov

    name = str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME"))
    return {"processor": name, "openvino": version("openvino")}


def has_gpu() -> bool:
    """True if TensorFlow computes on a GPU."""
    # TensorFlow takes seconds and much memory to load: only where there may be one.
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/kfd").exists():
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
