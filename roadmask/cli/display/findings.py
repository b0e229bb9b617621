"""Findings as lines on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from roadmask.shown import shown

if TYPE_CHECKING:
    from roadmask.local.finding import Finding


def show_finding(finding: Finding) -> bool:
    """Print a finding; return whether it is no failure."""
    text = f"{finding.name:<18} {shown(finding.detail)}"
    if finding.is_remark:
        click.echo(f"{click.style(' -- ', fg='yellow')} {text}")
    else:
        show_mark(finding.ok, text)
    return finding.ok


def show_mark(ok: bool, text: str) -> None:
    """Print a line that begins with the outcome."""
    mark = click.style(" ok ", fg="green") if ok else click.style("FAIL", fg="red")
    click.echo(f"{mark} {text}")
