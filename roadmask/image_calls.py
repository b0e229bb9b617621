"""The client's calls about images: uploads by content, datasets, listings."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Sequence
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

    async def get(self, path: str, /, **params: str | int) -> Any:
        """The JSON under a path of the service."""
        return (await self.transport.send(Call("GET", path, params))).json()

    async def post(
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
        return (await self.transport.send(call)).json()

    async def pages(self, path: str, filters: dict[str, Any]) -> AsyncGenerator[Any]:
        """The JSON of each page of a listing."""
        cursor: str | None = None
        while True:
            at = {"cursor": cursor} if cursor else {}
            page = await self.get(path, limit=PAGE, **filters, **at)
            yield page
            cursor = page.get("next")
            if cursor is None:
                return

    async def missing(self, sha256s: Sequence[str], kind: str = "images") -> set[str]:
        """Those of the sha256s (at most 10,000) whose bytes the service does not have.

        `kind` is `images` or `truths`."""
        path = f"/v1/{kind}/missing"
        answer = await self.post(path, {"sha256": list(sha256s)}, repeatable=True)
        return set(answer["sha256"])

    async def upload(self, source: Source) -> Image:
        """Make the image known to the service; its bytes travel only when it lacks them."""
        body = Path(source) if isinstance(source, str) else source
        sha256 = await self.transport.aside(lambda: digest(body))
        if not await self.missing([sha256]):
            return await self.image(uploaded_id(sha256))
        return await self.put_image(sha256, body)

    async def put_image(self, sha256: str, body: bytes | Path) -> Image:
        """Upload bytes whose sha256 is known; a file is streamed. Raises `HashMismatch`."""
        headers = {"Content-Type": "application/octet-stream"}
        call = Call("PUT", f"/v1/images/{uploaded_id(sha256)}", headers=headers, body=body)
        return Image.model_validate((await self.transport.send(call)).json())

    async def put_truth(self, png: bytes) -> str:
        """Upload an annotated mask, a canonical PNG of `encode_mask`; returns its sha256."""
        sha256 = digest(png)
        headers = {"Content-Type": "image/png"}
        call = Call("PUT", f"/v1/truths/sha256-{sha256}", headers=headers, body=png)
        await self.transport.send(call)
        return sha256

    async def image(self, image_id: str) -> Image:
        """What the service knows of an image. Raises `ImageNotFound`."""
        return Image.model_validate(await self.get(f"/v1/images/{image_id}"))

    async def images(
        self,
        *,
        dataset: str | None = None,
        prefix: str | None = None,
        q: str | None = None,
        truth: bool | None = None,
    ) -> AsyncGenerator[Image]:
        """Images in id order: of a `dataset`, with ids that begin with `prefix` or hold `q`,
        with or without annotated masks (`truth`)."""
        given = {"dataset": dataset, "prefix": prefix, "q": q, "truth": truth}
        filters = {name: value for name, value in given.items() if value is not None}
        async for page in self.pages("/v1/images", filters):
            for image in ImagePage.model_validate(page).images:
                yield image

    async def register(self, dataset: str, entries: Iterable[CatalogueEntry]) -> None:
        """Put uploaded images into a dataset; an entry of the same name is replaced."""
        body = [entry.model_dump(exclude_none=True) for entry in entries]
        await self.post(f"/v1/datasets/{dataset}/images", body, repeatable=True)
