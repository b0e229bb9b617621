"""Quarantine: decoding in a process of its own, for images that were in hand when a worker died.

`python -m worker.quarantine MAX_PIXELS HEIGHT WIDTH` reads an image's bytes from stdin and writes
its pixels, no smaller than that, to stdout as a NumPy array file. A damaged image that makes the
decoder crash, hang or eat memory takes only that process with it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import DeadlineExceeded, ImageUnreadable, RoadmaskError, error_classes
from roadmask.pixels import decode

COMMAND = ("-m", "worker.quarantine")
REFUSED = 3
"""Exit code for an image that was refused in an orderly way; the problem is on stderr as JSON."""
LIBRARIES_BYTES = 2**31
BYTES_A_PIXEL = 24
"""Address space beside the libraries: 16-bit RGB, its 8-bit form, and the copies in between."""


def decode_apart(
    data: bytes, max_pixels: int, least: tuple[int, int], seconds: float
) -> NDArray[np.uint8]:
    """The same as `roadmask.pixels.decode`, in a disposable process.

    Raises what `decode` raises, `ImageUnreadable` when the process dies and `DeadlineExceeded` when
    it takes longer than `seconds`.
    """
    try:
        done = subprocess.run(
            [sys.executable, *COMMAND, *map(str, (max_pixels, *least))],
            input=data,
            capture_output=True,
            timeout=seconds,
            check=False,
            # Thread pools of NumPy's BLAS would eat the address space that is left to it.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(
            f"Decoding the image took more than {seconds:.0f} s. Save it anew and upload it again."
        ) from None
    if done.returncode == REFUSED:
        problem = json.loads(done.stderr.splitlines()[-1])
        raise error_classes()[problem["code"]](problem["detail"])
    if done.returncode != 0:
        raise ImageUnreadable(
            f"The decoder died on this image (code {done.returncode}). "
            "Save it anew and upload it again."
        )
    pixels: NDArray[np.uint8] = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return pixels


def main() -> int:
    """Decode stdin to stdout under a limit on memory."""
    max_pixels, height, width = map(int, sys.argv[1:])
    limit = LIBRARIES_BYTES + BYTES_A_PIXEL * max_pixels
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        pixels = decode(sys.stdin.buffer.read(), max_pixels, (height, width))
    except RoadmaskError as error:
        sys.stderr.write(json.dumps(error.problem()) + "\n")
        return REFUSED
    np.save(sys.stdout.buffer, pixels, allow_pickle=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
