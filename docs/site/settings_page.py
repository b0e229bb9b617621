"""The page of the settings, generated from the class that reads them."""

from __future__ import annotations

import json
from typing import Any

from ml.study.markdown import code, table
from roadmask.settings import Settings

INTRODUCTION = """\
# Settings

Every process reads its settings once, at its start, from environment variables. All processes of a
service need the same ones. Lists are written as JSON. Blanks and line ends around a value are left
out. A value that is none ends the process with the name of the setting and the remedy.
[Run the service](operations.md) says when to change them. `roadmask config` shows those that are
set, and names variables that nothing reads; `roadmask config --all` shows all of them with their
values.

`ROADMASK_SECRETS_DIR` names a folder with a file for each secret, named like its variable, as
containers get them. A variable has precedence over its file.

Commands and clients read two more: `ROADMASK_URL`, the URL of the service (default
`http://127.0.0.1:8000`), and `ROADMASK_API_KEY`.
"""


def settings_page() -> str:
    """Return the page as Markdown: name, meaning, limits and default of each setting."""
    fields: dict[str, Any] = Settings.model_json_schema()["properties"]
    prefix = Settings.model_config["env_prefix"]
    rows = [
        (
            code(f"{prefix}{name.upper()}"),
            f"{field['description']} ({_values(field)}; default: {_default(field)})",
        )
        for name, field in fields.items()
    ]
    return f"{INTRODUCTION}\n{table(('variable', 'meaning'), rows)}\n"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default", [])
    return code(value if isinstance(value, str) else json.dumps(value)) if value != "" else "empty"


def _values(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(map(code, field["enum"]))
    low = field.get("minimum", field.get("exclusiveMinimum"))
    words = {"string": "text", "array": "list of texts", "integer": "whole number"}
    parts = [words.get(field["type"], field["type"])]
    if low is not None:
        parts.append(f"above {low:g}" if "exclusiveMinimum" in field else f"from {low:g}")
    if "maximum" in field:
        parts.append(f"to {field['maximum']:g}")
    return " ".join(parts)
