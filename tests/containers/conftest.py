"""What all tests of containers need: an engine, the base image, photos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.containers.base_images import make_base_image
from tests.containers.engine import program
from tests.harness.client.photo_folders import photo

PHOTOS = 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without an engine there is nothing to test, which fails only where one is asked for."""
    if program() is None and not os.environ.get("REQUIRE_CONTAINERS"):
        reason = "neither Docker nor podman (as root) is here"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def base_image() -> None:
    assert program(), "The tests of containers need Docker, or podman and root."
    make_base_image()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for n in range(PHOTOS):
        photo(folder / f"drive/{n}.png", n)
    return folder
