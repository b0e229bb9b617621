"""`roadmask annotations`: a job's masks in one document for another tool."""

import sys
from pathlib import Path
from typing import get_args

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect, connection
from roadmask.schemas.mask_formats import DocumentFormat


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--format",
    type=click.Choice([str(format) for format in get_args(DocumentFormat)]),
    default="coco",
    show_default=True,
    help="Format of the document.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: stdout]",
)
@connection
def annotations(
    job_id: str, format: str, out: Path | None, url: str | None, api_key: str | None
) -> None:
    """Export all finished masks of JOB as one document for COCO's tools, Label Studio or CVAT.

    The job may still run. The document is written as it arrives, however large the job is; FILE
    appears when it is complete.
    """
    from roadmask.atomic import write_atomically

    with connect(url, api_key) as client:
        blocks = client.annotations(job_id, format)
        if out is None:
            sys.stdout.buffer.writelines(blocks)
            return
        write_atomically(out, blocks)
    say(f"{out}  {out.stat().st_size:,} bytes")
