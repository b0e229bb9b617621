"""Files without a name, which another process gets as an open descriptor."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO


def memory_file() -> BinaryIO:
    """An empty file in memory; where the system has none, on disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("roadmask"), "w+b")
    return tempfile.TemporaryFile()
