"""A test that sets a clock sets it for one module: servers of other tests run beside it."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT

FOR_ALL_THREADS = re.compile(r"""setattr\(\s*(?:time\s*,|["'][\w.]+\.time\.\w+["'])""")


def test_no_test_sets_the_clock_of_all_threads() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for found in FOR_ALL_THREADS.finditer(path.read_text())
    ]
    assert offenders == [], "give the module a `time` of its own, as tests/storage/jobs do"
    for target in ('"storage.jobs.keys.time.time"', "time"):
        assert FOR_ALL_THREADS.search(f"patch.setattr({target}, clock)")
