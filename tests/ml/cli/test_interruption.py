from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import time
from ml.cli.interruption import Interruption
with Interruption() as stopped:
    print("begun", flush=True)
    while not stopped():
        time.sleep(0.01)
    print("stopped", flush=True)
    time.sleep(60)
"""


def test_the_first_ctrl_c_is_a_request_and_the_second_ends_the_process() -> None:
    # In a process of its own: the second one ends it.
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in ("begun", "stopped"):
            assert process.stdout.readline().strip() == line
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
