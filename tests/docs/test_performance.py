"""The page of performance is what the benchmarks write: each section once, of a listed run."""

from __future__ import annotations

from benchmarks.all import RUNS
from benchmarks.page import PAGE, benchmark, page, sections_of

SECTION = "## {}\n\nWords.\n\n```\npython -m benchmarks.{}\n```\n\n{} images/s\n"


def test_the_page_is_what_its_sections_make() -> None:
    text = PAGE.read_text()
    assert page([text]) == text


def test_no_two_sections_have_the_same_heading() -> None:
    headings = [heading for heading, _ in sections_of(PAGE.read_text())]
    assert len(headings) > 10
    assert sorted(headings) == sorted(set(headings))


def test_each_section_is_of_a_run_in_the_list() -> None:
    for heading, section in sections_of(PAGE.read_text()):
        assert any(
            run.name == benchmark(section)
            and f"`{run.model}@" in heading + "`@" * (not run.model)
            and f"{run.detail}, a processor" in heading + ", a processor" * (not run.detail)
            for run in RUNS
        ), heading


def test_the_runs_have_sections_of_their_own() -> None:
    assert len({run.file for run in RUNS}) == len(RUNS)


def test_a_section_replaces_the_one_of_its_heading_and_no_other() -> None:
    old = SECTION.format("Scale: `unet@1`, AMX", "scale", 1) + "\n"
    old += SECTION.format("Scale: `unet@1`, AVX", "scale", 2)
    new = SECTION.format("Scale: `unet@2`, AMX", "scale", 3)
    other = SECTION.format("Machines: AMX", "scale_out", 4)
    left_out = SECTION.format("Floods: AMX", "floods", 5)
    found = [heading for heading, _ in sections_of(page([old, other, new, left_out]))]
    assert found == ["Scale: `unet@2`, AMX", "Scale: `unet@1`, AVX", "Machines: AMX"]
