"""Every variable that a file of a deployment or a page names is one that something reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roadmask.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = [
    *("docker-compose.yml", "Dockerfile", "app.json", "heroku.yml", "Makefile", "README.md"),
    *("SECURITY.md", "docs/*.md", "deploy/**/*"),
]
KNOWN = {f"ROADMASK_{field.upper()}" for field in Settings.model_fields} | {
    *("ROADMASK_URL", "ROADMASK_API_KEY", "ROADMASK_SECRETS_DIR"),
    # KEDA reads these two from the secret of the workers.
    *("ROADMASK_REDIS_ADDRESS", "ROADMASK_REDIS_PASSWORD"),
}


@pytest.mark.parametrize("pattern", FILES)
def test_variables_exist(pattern: str) -> None:
    files = [path for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]
    assert files
    for path in files:
        named = re.findall(r"ROADMASK_[A-Z]\w+[A-Z]\b", path.read_text())
        assert set(named) <= KNOWN, path
