"""A model file that names code which is not Keras' or ours is refused before Keras reads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ml.registry.model_file import check_classes
from roadmask.errors import InvalidRequest

OURS = {"module": "ml.models.unet", "class_name": "UNet", "registered_name": "roadmask>UNet"}
KNOWN = {"roadmask>UNet"}


def model(folder: Path, *layers: Any) -> Path:
    path = folder / "model.keras"
    config = {**OURS, "config": {"layers": list(layers)}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
    return path


def test_layers_of_keras_and_our_own_are_read(tmp_path: Path) -> None:
    layer = {"module": "keras.layers", "class_name": "Conv2D", "registered_name": None}
    check_classes(model(tmp_path, layer, {"deep": [layer]}), KNOWN)


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "bytes"}},
        {"module": "os", "class_name": "system", "registered_name": "os>system"},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "kerasevil", "class_name": "Layer"},
        {"module": "ml.networks.unet", "class_name": "Other", "registered_name": "a>Other"},
        {"class_name": "Unknown"},
    ],
)
def test_other_code_is_refused(tmp_path: Path, layer: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="which may run any code"):
        check_classes(model(tmp_path, {"config": {"layer": layer}}), KNOWN)
