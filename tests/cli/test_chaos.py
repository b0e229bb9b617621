"""`roadmask doctor --chaos` on the service of these tests, which is as much a scratch one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from roadmask import Stack
from roadmask.local import chaos
from roadmask.local.chaos import FAULTS, ChaosFault
from tests.harness.client.program import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def few_images(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def same(_: object) -> Iterator[Stack]:
        yield stack

    monkeypatch.setattr(chaos, "scratch_service", same)
    monkeypatch.setattr(chaos, "IMAGES", 6)


def choose(monkeypatch: pytest.MonkeyPatch, faults: Sequence[ChaosFault]) -> None:
    monkeypatch.setattr(chaos, "FAULTS", faults)


@pytest.mark.usefixtures("few_images")
def test_each_fault_is_told_with_what_it_cost(
    roadmask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, [fault for fault in FAULTS if fault.name == "the API is killed"])
    done = roadmask("doctor", "--chaos")
    assert done.returncode == 0, done.stdout
    told, verdict = done.stdout.splitlines()
    assert " ok  the API is killed" in told
    assert "7 images: 0 lost, 0 counted twice, 0 failed unjustly" in told
    assert verdict.startswith("Nothing was lost: all 7 images")


@pytest.mark.usefixtures("few_images")
def test_a_broken_promise_is_found(roadmask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def damage_a_mask(stack: Stack) -> None:
        with stack.client() as client:
            item = client.item(client.wait(next(client.jobs())), 0)
        assert item.result is not None
        (stack.data_dir / "objects" / item.result.mask_key).write_bytes(b"no PNG")

    choose(monkeypatch, [ChaosFault("a mask is damaged", damage_a_mask)])
    done = roadmask("doctor", "--chaos")
    assert done.returncode == 1
    told, broken, verdict = done.stdout.splitlines()
    assert "FAIL a mask is damaged" in told
    assert "has a mask that is not served" in broken
    assert verdict.startswith("1 of 1 faults broke a promise")


def test_a_service_of_the_user_is_never_broken(roadmask: Run) -> None:
    done = roadmask("doctor", "--chaos", "--url", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "leave out --url" in done.stderr
