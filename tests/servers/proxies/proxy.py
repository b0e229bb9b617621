"""What all proxies have in common."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import ClassVar

import httpx

from tests.servers.certificates import Authority
from tests.servers.process import Server

PATH = "/seg"


class Proxy(Server):
    """A proxy on a free port; `target` is the `host:port` of the API."""

    name: ClassVar[str]
    """Of the program, and of Debian's package."""

    def __init__(self, folder: Path, target: str) -> None:
        super().__init__(folder)
        self.target = target
        self.authority = Authority(folder / "tls")

    @property
    def url(self) -> str:
        """The URL of the API as clients reach it."""
        return f"https://{self.address}{PATH}"

    @property
    def places(self) -> dict[str, object]:
        """What its configuration names."""
        return {
            "folder": self.folder,
            "address": self.address,
            "target": self.target,
            "path": PATH,
            "certificate": self.authority.certificate,
            "key": self.authority.key,
        }

    def program(self) -> str:
        found = shutil.which(self.name, path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert found, f"The tests need {self.name}; on Debian: apt-get install {self.name}"
        return found

    def write(self, name: str, text: str) -> Path:
        """Write a configuration with the places put in."""
        path = self.folder / name
        path.write_text(text.format(**self.places))
        return path

    def answers(self) -> bool:
        trusting = ssl.create_default_context(cafile=str(self.authority.file))
        try:
            return httpx.get(f"{self.url}/healthz", verify=trusting).is_success
        except httpx.TransportError:
            return False
