"""Cores and memory within the limits of a container."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has several heaps")
@pytest.mark.parametrize(
    ("call", "environment", "has_one"),
    [
        ("share_heap", {}, True),
        ("trim_heap", {}, False),
        ("share_heap", {"MALLOC_ARENA_MAX": "3"}, False),
    ],
)
def test_threads_share_one_heap(call: str, environment: dict[str, str], has_one: bool) -> None:
    script = f"""
import ctypes, threading
from roadmask.machine import {call}
{call}()
libc, meet = ctypes.CDLL(None), threading.Barrier(4)
def allocate():
    libc.malloc(1000)
    meet.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""
    env = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | environment
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True)
    assert (done.stdout.count(b"<heap nr=") == 1) == has_one, done.stdout
