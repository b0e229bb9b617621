"""The Bicep file: it parses, and each property is one that Azure's own client describes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.appcontainers.models import _models as described
from pycep import BicepParser

FILE = Path(__file__).parents[2] / "deploy/azure/container-apps.bicep"
KINDS = {"containerApps": "ContainerApp", "managedEnvironments": "ManagedEnvironment"}


def resources(text: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Kind and properties of each resource; of a loop, those of its body."""
    found = {}
    for name, resource in BicepParser().parse(text=text)["resources"].items():
        config = resource["config"]
        kind = next(each for part, each in KINDS.items() if part in str(resource["type"]))
        found[name] = (kind, config.get("config", config))
    return found


def properties(kind: str) -> dict[str, str]:
    """The properties of one of Azure's models, and their types as text; of an enumeration none."""
    found = {}
    model = getattr(described, kind, object)
    for base in model.__mro__ if isinstance(model, type) else ():
        for name, field in base.__dict__.items():
            if type(field).__name__ == "_RestField":
                found[field._rest_name_input or name] = str(base.__annotations__.get(name))
    return found


def unknown(value: object, kind: str, where: str = "") -> list[str]:
    """Places of properties that Azure does not have."""
    if not isinstance(value, dict) or {"function", "operator"} & value.keys():
        return []
    places = []
    known = properties(kind)
    for name, each in value.items():
        place = f"{where}.{name}"
        if name not in known:
            places.append(place)
            continue
        inner = re.findall(r"_models\.(\w+)", known[name])
        for one in each if isinstance(each, list) else [each]:
            places += unknown(one, inner[0], place) if inner and properties(inner[0]) else []
    return places


def test_every_property_is_known_to_azure() -> None:
    found = resources(FILE.read_text())
    assert set(found) == {"environment", "api", "workers"}
    assert [place for kind, config in found.values() for place in unknown(config, kind)] == []


@pytest.mark.parametrize("name", ["targetPort", "minReplicas", "httpGet", "memory", "listLength"])
def test_a_misspelt_property_is_found(name: str) -> None:
    text = FILE.read_text().replace(name, f"{name}s")
    places = [place for kind, config in resources(text).values() for place in unknown(config, kind)]
    # What a scaler of KEDA takes is free text to Azure.
    assert places if name != "listLength" else not places
