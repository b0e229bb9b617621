"""Forms: what OpenVINO runs in place of `model.keras`, kept beside it once made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ml.artifact import Artifact
from roadmask.settings import Settings

if TYPE_CHECKING:
    import openvino as ov

CONVERSION_S = 300.0
"""Longest time that a conversion may take, seconds."""


class Forms:
    """The forms of an artifact, in a folder named for the sha256 of its `model.keras`.

    It lies in the artifact's own folder, or in `models/` of the data folder where that cannot be
    written.
    """

    def __init__(self, artifact: Artifact, settings: Settings) -> None:
        self._artifact = artifact
        beside = artifact.path / "compiled"
        own = beside.is_dir() or os.access(artifact.path, os.W_OK)
        folder = beside if own else settings.models_dir / "compiled"
        self.folder = folder / artifact.sha256
        self.int8 = self.folder / "int8" / "network.xml"
        """The quantised form, if `roadmask tune` has made one."""
        self.tuning = self.folder / "tuning.json"
        """What `roadmask tune` measured and chose."""

    def float32(self) -> Path:
        """The form with the weights as they are stored, converted when it is not there.

        Raises `subprocess.SubprocessError` or `OSError` when it cannot be made.
        """
        target = self.folder / "float32" / "network.xml"
        if not target.exists():
            command = [sys.executable, "-m", "ml.engines.conversion"]
            subprocess.run(
                [*command, str(self._artifact.path), str(target.parent)],
                check=True,
                capture_output=True,
                timeout=CONVERSION_S,
            )
        return target


def keep(network: ov.Model, folder: Path) -> None:
    """Write a network as a form, whole or not at all; the last of several writers stays."""
    import openvino as ov

    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix="~") as draft:
        ov.save_model(network, Path(draft) / "new" / "network.xml", compress_to_fp16=False)
        shutil.rmtree(folder, ignore_errors=True)
        # Another process may have put its own there: as good as this one.
        with suppress(OSError):
            (Path(draft) / "new").rename(folder)
