"""One service on this machine for all tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from roadmask import Stack
from tests.harness.client.program import Run, call_roadmask, run_roadmask


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running service with a real worker and the shipped model. It ends with this folder."""
    with ExitStack() as exits:
        with pytest.MonkeyPatch.context() as patch:
            # What a killed worker held is free again in seconds.
            patch.setenv("ROADMASK_LEASE_S", "5")
            stack = exits.enter_context(Stack(tmp_path_factory.mktemp("stack"), port=0))
        yield stack


@pytest.fixture
def roadmask(stack: Stack, tmp_path: Path) -> Run:
    """Runs a command against the service, in this process and a folder of the test."""
    return lambda *arguments: call_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL=stack.url)


@pytest.fixture
def alone(tmp_path: Path) -> Run:
    """Runs a command without a service, in this process."""
    return lambda *arguments: call_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL="")


@pytest.fixture
def program(tmp_path: Path) -> Run:
    """Runs the program without a service, in a process of its own."""
    return lambda *arguments: run_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL="")
