"""A JSON schema as text: its type, its limits, and a table of its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ml.study.markdown import code, table

Part = Mapping[str, Any]
LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "pattern": "matches `{}`",
}


def type_of(schema: Part) -> str:
    """Return the type, with links to the schemas that it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(code(str(value)) for value in schema["enum"])
    if "const" in schema:
        return code(str(schema["const"]))
    if schema.get("type") == "array":
        inner = schema.get("items") or {"type": "any"}
        return f"list of {type_of(inner)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    if schema.get("format") == "binary":
        return "bytes"
    return schema.get("format") or schema.get("type") or "any"


def meaning(field: Part) -> str:
    """Return the description of a field or parameter, its limits and its default."""
    schema = field.get("schema", field)
    options = schema.get("anyOf", [schema])
    limits = [
        words.format(option[key])
        for option in options
        for key, words in LIMITS.items()
        if key in option
    ]
    parts = [field.get("description") or schema.get("description") or "", ", ".join(limits)]
    if schema.get("default") is not None:
        value = schema["default"]
        shown = value if isinstance(value, str) else json.dumps(value)
        parts.append(f"default `{shown}`")
    return "; ".join(part.strip().rstrip(".") for part in parts if part)


def schema_section(name: str, schema: Part) -> str:
    """Return a heading, the description of the schema, and its fields or values."""
    parts = [f"### {name} {{ #schema-{name.lower()} }}", schema.get("description", "")]
    required = schema.get("required", [])
    rows = [
        (code(field) + (" *" if field in required else ""), type_of(each), meaning(each))
        for field, each in schema.get("properties", {}).items()
    ]
    parts.append(table(("field", "type", "meaning"), rows) if rows else type_of(schema))
    parts += [_example(each) for each in schema.get("examples", [])]
    return "\n\n".join(part for part in parts if part)


def _example(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2)}\n```"
