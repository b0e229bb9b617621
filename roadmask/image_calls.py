"""The client's calls about images: uploads by content, datasets, listings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from roadmask.images import CatalogueEntry, Image, ImagePage, uploaded_id
from roadmask.transport import Call, Transport

PAGE = 500
"""Items, jobs or images asked for at once."""

Source = str | Path | bytes
"""A file, or its bytes."""


def digest(source: bytes | Path) -> str:
    """The sha256 of bytes or of a file, hex; a file is read in blocks."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ImageCalls:
    """What a client can do with images, and the three ways all its calls are made."""

    transport: Transport

    def get(self, path: str, **params: str | int) -> Any:
        """The JSON under a path of the service."""
        return self.transport.send(Call("GET", path, params)).json()

    def post(
        self,
        path: str,
        json: Any = None,
        *,
        idempotency_key: str | None = None,
        repeatable: bool = False,
    ) -> Any:
        """The JSON that a POST yields; sent again on failure only with a key or `repeatable`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        call = Call("POST", path, headers=headers, json=json, repeatable=repeatable)
        return self.transport.send(call).json()

    def pages(self, path: str, filters: dict[str, Any]) -> Iterator[Any]:
        """The JSON of each page of a listing."""
        cursor: str | None = None
        while True:
            at = {"cursor": cursor} if cursor else {}
            page = self.get(path, limit=PAGE, **filters, **at)
            yield page
            cursor = page.get("next")
            if cursor is None:
                return

    def missing(self, sha256s: Sequence[str], kind: str = "images") -> set[str]:
        """Those of the sha256s (at most 10,000) whose bytes the service does not have.

        `kind` is `images` or `truths`."""
        path = f"/v1/{kind}/missing"
        return set(self.post(path, {"sha256": list(sha256s)}, repeatable=True)["sha256"])

    def upload(self, source: Source) -> Image:
        """Make the image known to the service; its bytes travel only when it lacks them."""
        body = Path(source) if isinstance(source, str) else source
        sha256 = digest(body)
        if not self.missing([sha256]):
            return self.image(uploaded_id(sha256))
        return self.put_image(sha256, body)

    def put_image(self, sha256: str, body: bytes | Path) -> Image:
        """Upload bytes whose sha256 is known; a file is streamed. Raises `HashMismatch`."""
        headers = {"Content-Type": "application/octet-stream"}
        call = Call("PUT", f"/v1/images/{uploaded_id(sha256)}", headers=headers, body=body)
        return Image.model_validate(self.transport.send(call).json())

    def put_truth(self, png: bytes) -> str:
        """Upload an annotated mask, a canonical PNG of `encode_mask`; returns its sha256."""
        sha256 = digest(png)
        headers = {"Content-Type": "image/png"}
        self.transport.send(Call("PUT", f"/v1/truths/sha256-{sha256}", headers=headers, body=png))
        return sha256

    def image(self, image_id: str) -> Image:
        """What the service knows of an image. Raises `ImageNotFound`."""
        return Image.model_validate(self.get(f"/v1/images/{image_id}"))

    def images(self, **filters: str | int) -> Iterator[Image]:
        """Images in id order, filtered by `dataset`, `prefix`, `q` or `truth`."""
        for page in self.pages("/v1/images", filters):
            yield from ImagePage.model_validate(page).images

    def register(self, dataset: str, entries: Iterable[CatalogueEntry]) -> None:
        """Put uploaded images into a dataset; an entry of the same name is replaced."""
        body = [entry.model_dump(exclude_none=True) for entry in entries]
        self.post(f"/v1/datasets/{dataset}/images", body, repeatable=True)
