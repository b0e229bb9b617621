"""Compiled networks: the files that OpenVINO runs in place of `model.keras`, kept beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ml.registry.artifact import Artifact
from roadmask.atomic import replacing
from roadmask.errors import EngineNotFound
from roadmask.python_command import python_command
from roadmask.schemas.model_version import COMPILED_FILE
from roadmask.settings import Settings

if TYPE_CHECKING:
    import openvino as ov

CONVERSION_S = 300.0
"""Time limit of a conversion, seconds."""


class CompiledNetworks:
    """The compiled networks of an artifact, in a folder named for the sha256 of its `model.keras`.

    The folder is in the artifact's own folder, or in `models/` of the data folder if that is read-
    only.
    """

    def __init__(self, artifact: Artifact, settings: Settings) -> None:
        self._artifact = artifact
        beside = artifact.path / "compiled"
        own = beside.is_dir() or os.access(artifact.path, os.W_OK)
        folder = beside if own else settings.models_dir / "compiled"
        self.folder = folder / artifact.sha256
        self.int8 = self.folder / "int8" / "network.xml"
        """The int8 network, if `roadmask tune` has made one."""
        self.tuning = self.folder / "tuning.json"
        """The result of `roadmask tune`."""

    def float32(self) -> Path:
        """The network with the stored weights. If it does not exist, it is unpacked or converted.

        Raises `EngineNotFound` without TensorFlow, which converts, and
        `subprocess.SubprocessError` or `OSError` if the conversion fails.
        """
        target = self.folder / "float32" / "network.xml"
        if not target.exists():
            published = self._artifact.path / COMPILED_FILE
            if published.exists():
                with replacing(target.parent) as draft:
                    shutil.unpack_archive(published, draft)
            else:
                self._convert(target.parent)
        return target

    def pack_float32(self, folder: Path) -> Path:
        """Pack the float32 network into `COMPILED_FILE` in a folder. Raises as `float32`."""
        archive = (folder / COMPILED_FILE).with_suffix("")
        return Path(shutil.make_archive(str(archive), "zip", self.float32().parent))

    def _convert(self, target: Path) -> None:
        if find_spec("tensorflow") is None:
            raise EngineNotFound(
                f"{self._artifact.model_version} has no compiled network for OpenVINO, and "
                "TensorFlow, which makes it, is not installed here. Make it where TensorFlow is: "
                "publish the model with `roadmask models push`, or for a shipped model run "
                "`roadmask models compile` when the image is built."
            )
        subprocess.run(
            python_command("ml.engines.conversion", self._artifact.path, target),
            check=True,
            capture_output=True,
            timeout=CONVERSION_S,
        )


def save_compiled(network: ov.Model, folder: Path) -> None:
    """Write a compiled network, whole or not at all. The last of several writers wins."""
    import openvino as ov

    with replacing(folder) as draft:
        ov.save_model(network, draft / "network.xml", compress_to_fp16=False)
