"""`roadmask annotations`: a job's masks in one document for another tool."""

import sys
from pathlib import Path
from typing import get_args

import click

from roadmask.cli.service import connect, connection
from roadmask.mask_formats import DocumentFormat


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in get_args(DocumentFormat)]),
    default="coco",
    show_default=True,
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it.  [default: stdout]",
)
@connection
def annotations(
    job_id: str, form: str, out: Path | None, url: str | None, api_key: str | None
) -> None:
    """All finished masks of JOB in one document, which another tool imports.

    For COCO's tools, Label Studio or CVAT; also while the job runs. It is written as it comes,
    however large the job, and FILE is there only once it is whole.
    """
    from roadmask.mask_files import write_whole

    with connect(url, api_key) as client:
        blocks = client.annotations(job_id, form)
        if out is None:
            sys.stdout.buffer.writelines(blocks)
            return
        write_whole(out, blocks)
    click.echo(f"{out}  {out.stat().st_size:,} bytes")
