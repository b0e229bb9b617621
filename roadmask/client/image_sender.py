"""Sending the images that a service lacks: small files in groups, large ones alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.pool import ThreadPool
from pathlib import Path

from roadmask.client.client import Client
from roadmask.client.transport import SERVICE_ERRORS
from roadmask.errors import HashMismatch, ImageUnreadable, RoadmaskError
from roadmask.schemas.images import Image

CONCURRENCY = 4
"""Requests at once."""
GROUP_FILES, GROUP_BYTES = 8, 4 * 2**20
"""Most files, and most bytes, of one request. Each request costs as much as a small file does."""

Group = dict[str, Path]
"""Files by their sha256."""
Outcome = tuple[str, RoadmaskError | None]
"""A file's sha256, and why the file was refused."""


class ImageSender:
    """Sends files to a service from threads of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._threads = ThreadPool(CONCURRENCY)
        self._takes_groups = True

    def close(self) -> None:
        """Send nothing more."""
        self._threads.terminate()

    def send(self, files: Mapping[str, Path]) -> Iterator[Outcome]:
        """Send files; the outcome of each as it is known. Raises the `SERVICE_ERRORS`."""
        for outcomes in self._threads.imap_unordered(self._send_group, _groups(files)):
            yield from outcomes

    def _send_group(self, group: Group) -> list[Outcome]:
        if len(group) > 1 and self._takes_groups:
            try:
                return self._send_together(group)
            except SERVICE_ERRORS:
                raise
            except (RoadmaskError, OSError) as error:
                # A proxy on the way may allow smaller requests only. A file may have gone.
                self._takes_groups = isinstance(error, OSError)
        return [(sha256, self._send_alone(sha256, path)) for sha256, path in group.items()]

    def _send_together(self, group: Group) -> list[Outcome]:
        answers = self._client.put_images([path.read_bytes() for path in group.values()])
        return [
            (sha256, _refusal(sha256, answer))
            for sha256, answer in zip(group, answers, strict=True)
        ]

    def _send_alone(self, sha256: str, path: Path) -> RoadmaskError | None:
        try:
            self._client.put_image(sha256, path)
        except SERVICE_ERRORS:
            raise
        except RoadmaskError as error:
            return error
        except OSError as error:
            return unreadable(error)
        return None


def unreadable(error: OSError) -> ImageUnreadable:
    """The error of a file that cannot be read."""
    return ImageUnreadable(f"The file cannot be read: {error.strerror}.")


def _groups(files: Mapping[str, Path]) -> Iterable[Group]:
    """Files that are sent together. A file that cannot be read is in one of them too."""
    group, size = Group(), 0
    for sha256, path in files.items():
        try:
            more = path.stat().st_size
        except OSError:
            more = 0
        if group and (len(group) == GROUP_FILES or size + more > GROUP_BYTES):
            yield group
            group, size = Group(), 0
        group[sha256] = path
        size += more
    if group:
        yield group


def _refusal(sha256: str, answer: Image | RoadmaskError) -> RoadmaskError | None:
    if isinstance(answer, RoadmaskError):
        return answer
    if answer.sha256 != sha256:
        return HashMismatch("The file changed during the upload. The next run sends it again.")
    return None
