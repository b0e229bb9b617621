"""Label Studio's own connector asks a backend, and Label Studio's SDK judges what comes.

Runs in an environment of its own: `asking.py URL KEY IMAGE...`. Prints, as JSON, what the backend
said to each call, the SDK's complaints, and the alpha of each stroke as the SDK unpacks it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import distribution
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface import LabelInterface

CONFIG = """<View>
  <Image name="photo" value="$street"/>
  <BrushLabels name="stroke" toName="photo">
    <Label value="flat"/><Label value="sky"/>
  </BrushLabels>
</View>"""
AROUND: dict[str, dict[str, Any]] = {
    "core.feature_flags": {},
    "core.utils.common": {},
    "core.utils.exceptions": {"SsrfBlockedUrlError": ConnectionError},
    "core.utils.io": {},
    "core.version": {"get_git_version": lambda: "1.23.2"},
    "data_export.serializers": {},
    "django.conf": {
        "settings": SimpleNamespace(ML_BLOCK_LOCAL_IP=False, HOSTNAME="http://localhost:8080")
    },
    "django.contrib.auth.models": {},
    "django.db.models": {},
    "label_studio.core.utils.params": {"get_env": lambda _, default: default},
}
"""What the connector imports of the web application around it, and uses only to train."""


def connector() -> Any:
    """Label Studio's module `ml.api_connector`, without its database and web application."""
    for name, contents in AROUND.items():
        sys.modules[name] = MagicMock(**contents)
    path = distribution("label-studio").locate_file("label_studio/ml/api_connector.py")
    spec = importlib.util.spec_from_file_location("api_connector", str(path))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(url: str, key: str, *images: str) -> None:
    """Speak as a project does that is connected and then opened."""
    backend = connector().MLApi(url=url, basic_auth_user="label-studio", basic_auth_pass=key)
    project = SimpleNamespace(
        id=7,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by=SimpleNamespace(auth_token=SimpleNamespace(key="a token")),
        label_config=CONFIG,
        task_data_login=None,
        task_data_password=None,
    )
    tasks = [{"id": number, "data": {"street": image}} for number, image in enumerate(images)]
    calls = {
        "health": backend.health(),
        "setup": backend.setup(project),
        "predict": backend.make_predictions(tasks, project),
    }
    predictions = calls["predict"].response.get("results", [])
    interface = LabelInterface(CONFIG)
    said = {
        "calls": {name: [call.type, call.status_code] for name, call in calls.items()},
        "setup": calls["setup"].response,
        "complaints": [interface.validate_prediction(each, True) for each in predictions],
        "alpha": [
            [decode_rle(region["value"]["rle"])[3::4].tolist() for region in each["result"]]
            for each in predictions
        ],
    }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
