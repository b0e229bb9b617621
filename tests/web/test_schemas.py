"""The types of the page's code: every name and field is one of the API's schemas."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.app import create_app
from roadmask.settings import Settings
from tests.web.test_files import WEB

TYPES = (WEB / "lib/api/schemas.d.ts").read_text()
INTERFACES = dict(re.findall(r"export interface (\w+) \{\n(.*?)\n\}", TYPES, re.DOTALL))
STATES = dict(re.findall(r"export type (\w+) =([^;]+);", TYPES))
WORKERS_OWN = {"host", "pid", "items_done", "started_at", "loaded"}
"""Workers describe themselves in these fields; the API passes them on."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = create_app(Settings()).openapi()["components"]["schemas"]
    return schemas


def test_every_field_is_one_of_the_api(schemas: dict[str, Any]) -> None:
    assert len(INTERFACES) > 20
    for name, body in INTERFACES.items():
        fields = set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))
        if name == "Worker":
            fields -= WORKERS_OWN
        assert fields, name
        assert fields <= set(schemas[name]["properties"]), name


def test_every_state_is_one_of_the_api(schemas: dict[str, Any]) -> None:
    assert set(STATES) == {"JobState", "ItemState", "Lane", "Quality"}
    enums = {name: schema.get("enum") for name, schema in schemas.items()}
    enums["Quality"] = schemas["JobCreate"]["properties"]["quality"]["enum"]
    for name, values in STATES.items():
        assert re.findall(r"'(\w+)'", values) == enums[name], name


def test_fields_that_may_be_null_are_typed_so(schemas: dict[str, Any]) -> None:
    answers = INTERFACES.keys() - {"JobCreate", "ImageRef"}
    for name in answers:
        for field, kind in re.findall(r"^  (\w+): (.*);", INTERFACES[name], re.MULTILINE):
            schema = schemas[name]["properties"].get(field, {})
            may_be_null = {"type": "null"} in schema.get("anyOf", [])
            is_always_signed = field == "content_url"
            assert ("null" in kind) == (may_be_null and not is_always_signed), f"{name}.{field}"
