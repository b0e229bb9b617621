"""`python -m benchmarks.harness.paced_worker SECONDS`: a worker whose model only waits.

All else is the real worker, so many of them on few cores show what they ask of Redis and the store.
"""

from __future__ import annotations

import sys
import time

from tests.harness.worker.tiny_worker import run_tiny_worker

if __name__ == "__main__":
    seconds = float(sys.argv[1])
    sys.exit(run_tiny_worker(lambda images: time.sleep(seconds * len(images))))
