"""`python -m roadmask` is `roadmask`."""

import roadmask.cli.__main__  # noqa: F401
