"""Cores and memory within the limits of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadmask import machine
from roadmask.machine import cores, memory_bytes

ALL = len(os.sched_getaffinity(0))
PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    return tmp_path


def test_without_limits_all_of_the_machine_counts(cgroup: Path) -> None:
    assert (cores(), memory_bytes()) == (ALL, PHYSICAL)
    (cgroup / "cpu.max").write_text("max 100000\n")
    (cgroup / "memory.max").write_text("max\n")
    assert (cores(), memory_bytes()) == (ALL, PHYSICAL)


@pytest.mark.parametrize(("quota", "expected"), [(50_000, 1), (100_000, 1), (110_000, 2)])
def test_a_share_of_a_core_counts_as_one(cgroup: Path, quota: int, expected: int) -> None:
    (cgroup / "cpu.max").write_text(f"{quota} 100000\n")
    assert cores() == min(ALL, expected)


def test_the_first_version_of_control_groups_is_read(cgroup: Path) -> None:
    for name in ("cpu", "memory"):
        (cgroup / name).mkdir()
    (cgroup / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    (cgroup / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (cgroup / "memory/memory.limit_in_bytes").write_text(f"{2**29}\n")
    assert (cores(), memory_bytes()) == (ALL, 2**29)
    (cgroup / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    assert cores() == 1
