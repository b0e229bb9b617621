"""The Kubernetes files: each object matches the published schema and the commands are ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.harness.client.program import call_roadmask

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")
OTHERS = {"ScaledObject"}
"""Kinds of KEDA, which has no schema in the package."""


def objects() -> Iterator[dict[str, Any]]:
    for file in FILES:
        yield from yaml.safe_load_all(file.read_text())


def containers() -> Iterator[dict[str, Any]]:
    for each in objects():
        if each["kind"] == "Deployment":
            yield from each["spec"]["template"]["spec"]["containers"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_object_matches_the_schema_of_kubernetes(file: Path) -> None:
    for each in yaml.safe_load_all(file.read_text()):
        if each["kind"] not in OTHERS:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_every_file_is_named_by_its_kustomization() -> None:
    for file in FILES:
        listed = yaml.safe_load((file.parent / "kustomization.yaml").read_text())["resources"]
        assert file.name in listed


def test_every_container_is_limited_and_runs_a_command_of_the_program(tmp_path: Path) -> None:
    for container in containers():
        program, *words = container["command"]
        assert program == "roadmask"
        assert call_roadmask(words[0], "--help", cwd=tmp_path).returncode == 0
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_scaling_watches_the_queues_that_exist() -> None:
    from roadmask.schemas.jobs import Lane
    from storage.queue import PREFIX

    scaled = [each for each in objects() if each["kind"] == "ScaledObject"]
    names = {each["spec"]["triggers"][0]["metadata"]["listName"] for each in scaled}
    assert names == {f"{PREFIX}{lane.value}" for lane in Lane}
    # Without it KEDA asks a Redis with a password, gets an error, and scales nothing.
    for each in scaled:
        assert "passwordFromEnv" in each["spec"]["triggers"][0]["metadata"]
