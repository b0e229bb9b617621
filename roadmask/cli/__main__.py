"""`python -m roadmask.cli` is `roadmask`."""

import os
import sys

# `python -m` puts the working directory first on the import path, where a user's own `api.py` or
# `storage/` would shadow ours. `python -P -m` and the installed program do not.
if not sys.flags.safe_path and sys.path[0] == os.getcwd():
    del sys.path[0]

from roadmask.cli.main import main

main()
