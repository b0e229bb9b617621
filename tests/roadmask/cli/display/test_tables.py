"""Tables of the program."""

from __future__ import annotations

import pytest

from roadmask.cli.display.tables import print_table


def test_columns_are_aligned_by_what_a_terminal_shows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("東京", "1/10", "queued"), ("b", "10/10", "completed_with_errors")]
    print_table(("name", "done", "state"), rows, right=("done",))
    assert capsys.readouterr().out.splitlines() == [
        "name   done  state",
        "東京   1/10  queued",
        "b     10/10  completed_with_errors",
    ]


def test_a_column_without_text_is_left_out_and_a_long_cell_is_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = "http://127.0.0.1:8000/" + 200 * "x"
    print_table(("image", "error", "mask URL"), [("a", "", url)])
    assert capsys.readouterr().out == f"image  mask URL\na      {url}\n"
