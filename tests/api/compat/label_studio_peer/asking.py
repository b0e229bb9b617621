"""Label Studio itself, its web server aside: a project connects a backend and has tasks predicted.

Runs in an environment of its own: `asking.py FOLDER URL KEY IMAGE...`, with a folder for its
database. Prints as JSON what it said to the backend with a wrong key and with the right one, and
each task's predictions as it keeps them, with its SDK's complaints and the strokes unpacked by it.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from importlib.metadata import distribution
from typing import Any

from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface import LabelInterface

CONFIG = """<View>
  <Image name="photo" value="$street"/>
  <BrushLabels name="stroke" toName="photo" model_confidence="true">
    <Label value="flat"/><Label value="sky"/>
  </BrushLabels>
</View>"""
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
    "SECRET_KEY": "signs nothing that matters",
    "COLLECT_ANALYTICS": "0",
    "SENTRY_DSN": "",
    # As docs/neighbours.md says for a service at a private address.
    "USE_DEFAULT_BANNED_SUBNETS": "false",
    "USER_ADDITIONAL_BANNED_SUBNETS": "169.254.0.0/16",
}


def start(folder: str) -> None:
    """Its applications on an empty database, made at once instead of by a hundred migrations."""
    os.environ.update(ENVIRONMENT, LABEL_STUDIO_BASE_DATA_DIR=folder)
    sys.path.insert(0, str(distribution("label-studio").locate_file("label_studio")))
    import django
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    # Some models are found only by the views.
    import_module("core.urls")
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0)


def user() -> Any:
    """Its HTTP API in this process, for the one user of its only organization."""
    from organizations.models import Organization
    from rest_framework.test import APIClient
    from users.models import User

    owner = User.objects.create(email="owner@example.com", username="owner")
    owner.active_organization = Organization.create_organization(created_by=owner, title="streets")
    owner.save()
    client = APIClient()
    client.force_authenticate(owner)
    return client


def main(folder: str, url: str, key: str, *images: str) -> None:
    """Do what an annotator does who connects a backend and retrieves predictions."""
    start(folder)
    client = user()

    def post(path: str, body: Any) -> Any:
        return client.post(path, body, format="json")

    project = post("/api/projects/", {"title": "streets", "label_config": CONFIG}).json()["id"]
    post(f"/api/projects/{project}/import", [{"street": image} for image in images])
    backend = {"project": project, "url": url, "title": "Roadmask", "auth_method": "BASIC_AUTH"}
    backend |= {"basic_auth_user": "label-studio", "basic_auth_pass": "wrong"}
    refused = post("/api/ml/", backend)
    connected = post("/api/ml/", backend | {"basic_auth_pass": key})
    action = f"/api/dm/actions/?id=retrieve_tasks_predictions&project={project}"
    retrieved = post(action, {"selectedItems": {"all": True, "excluded": []}})
    tasks = client.get(f"/api/tasks/?project={project}&fields=all").json()["tasks"]
    interface = LabelInterface(CONFIG)
    kept = [prediction for task in tasks for prediction in task["predictions"]]
    said = {
        "refused": [refused.status_code, refused.content.decode()],
        "connected": [connected.status_code, connected.json().get("readable_state")],
        "retrieved": retrieved.status_code,
        "predictions": {task["data"]["street"]: len(task["predictions"]) for task in tasks},
        "versions": [prediction["model_version"] for prediction in kept],
        "scores": [prediction["score"] for prediction in kept],
        "complaints": [interface.validate_prediction(prediction, True) for prediction in kept],
        "alpha": [
            {
                region["value"]["brushlabels"][0]: decode_rle(region["value"]["rle"])[3::4].tolist()
                for region in prediction["result"]
            }
            for prediction in kept
        ],
    }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
