"""`--confidence`: the option of all commands that write masks."""

from __future__ import annotations

from pathlib import Path

import click

confidence = click.option(
    "--confidence",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write how sure the model is of each pixel, as a grey PNG (255 is certain) under the "
    "mask's name in another folder.",
)
