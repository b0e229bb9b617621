"""The alerts, the dashboard and their page: valid, and about metrics that the processes have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from roadmask.settings import Settings
from tests.servers.process import HOST, free_port
from tests.servers.service import Api
from tests.servers.worker import TinyWorker

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy/monitoring"
PAGE = (ROOT / "docs/monitoring.md").read_text()
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
METRIC = re.compile(r"\b(?:roadmask|process|python)_[a-z_]+")
SUFFIXES = re.compile(r"_(?:bucket|sum|count)$")


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is missing: run `make promtool`"
    done = subprocess.run(
        [program, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def named(texts: list[str]) -> set[str]:
    return {name for text in texts for name in METRIC.findall(text)}


def test_promtool_accepts_the_alerts_and_their_tests_pass() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus.yml")
    promtool("test", "rules", "alerts_test.yml")


@pytest.fixture
def exported(settings: Settings, redis: Redis, tmp_path: Path) -> set[str]:
    """The names of all samples that an API and a worker export."""
    settings = settings.model_copy(update={"metrics_port": free_port(), "reconcile_s": 0.3})
    env = {
        "ROADMASK_REDIS_URL": settings.redis_url,
        "ROADMASK_DATA_DIR": str(settings.data_dir),
        "ROADMASK_SECRET": settings.secret.get_secret_value(),
    }
    with TinyWorker(tmp_path / "worker", settings), Api(tmp_path / "api", env) as api:
        urls = (f"{api.url}/metrics", f"http://{HOST}:{settings.metrics_port}/metrics")
        pages = [httpx.get(url).text for url in urls]
    names: set[str] = set()
    for family in (each for page in pages for each in text_string_to_metric_families(page)):
        counted = family.name + ("_total" if family.type == "counter" else "")
        names.add(counted)
    return names


def test_every_metric_of_rules_dashboard_and_page_is_exported(exported: set[str]) -> None:
    expressions = [rule["expr"] for rule in RULES]
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    for source in (expressions, panels):
        assert {SUFFIXES.sub("", name) for name in named(source)} - exported == set()
    ours = {name for name in exported if name.startswith("roadmask_")}
    assert set(re.findall(r"`(roadmask_\w+)`", PAGE)) == ours
    # Each has its panel: what nobody looks at need not be measured.
    assert ours - {SUFFIXES.sub("", name) for name in named(panels)} == set()


def test_the_page_says_what_each_alert_means() -> None:
    assert re.findall(r"^### (Roadmask\w+)$", PAGE, re.MULTILINE) == [r["alert"] for r in RULES]
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]


def test_the_dashboard_has_a_title_and_a_place_for_each_panel() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] for panel in panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
