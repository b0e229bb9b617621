"""Groups of tests that share a process of a parallel run, with their costly fixtures."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "ml": "imports TensorFlow and trains a network",
    "cli": "one stack with a worker",
    "web": "one browser, one service",
    "docs": "the site is built once",
    "faults": "one service with all its processes",
}
"""Folders below `tests/` that are one group each. Elsewhere each file is a group."""
LONGEST_FIRST = (
    *("ml", "web", "cli", "faults"),
    *("tests/deploy/test_wheels.py", "tests/e2e/test_promotion.py"),
)
"""Groups that a parallel run begins with: one that came last would leave the other cores idle."""


class GroupScheduling(LoadScopeScheduling):
    """Sends the tests of a group to one process.

    The mark `xdist_group` does the same, but pytest-xdist 3.8 writes the group into a field that
    pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    file = nodeid.split("::")[0]
    folder = file.split("/")[1]
    return folder if folder in TOGETHER else file


def place_of(group: str) -> int:
    """The position of a group in a parallel run; groups with the same one keep their order."""
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)
