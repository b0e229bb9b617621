"""`python -m roadmask.cli` is `roadmask`."""

from roadmask.cli.main import main

main()
