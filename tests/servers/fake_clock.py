"""The clock of one process, which a test sets while the process runs: libfaketime of Debian."""

from __future__ import annotations

from pathlib import Path

LIBRARY = "*/faketime/libfaketimeMT.so.1"


class FakeClock:
    """A clock that is right until `step` is called. A process gets it when it is started.

    Its monotonic clock goes on, as it does when an administrator or NTP sets the time.
    """

    def __init__(self, file: Path) -> None:
        """`file` tells the process how wrong its clock is."""
        self._file = file
        self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the process."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # The times of files are those of the kernel, whatever a process believes.
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: float) -> None:
        """Set the clock to the right time plus `seconds`."""
        draft = self._file.with_suffix(".part")
        draft.write_text(f"{seconds:+g}\n")
        draft.replace(self._file)


def library() -> Path:
    """The path of libfaketime for programs with threads."""
    if found := next(Path("/usr/lib").glob(LIBRARY), None):
        return found
    raise RuntimeError("libfaketime is missing; on Debian: apt-get install libfaketime")
