"""The calls about images and their annotated masks: sending, listing, naming."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from roadmask.client.answers import AnswerReader, read_json
from roadmask.client.calls.job_request import MAX_JSON_ITEMS
from roadmask.client.calls.upload_form import encode_form
from roadmask.client.sources import Source, UploadFile, read_source
from roadmask.client.transport import Call, Transport, error_of
from roadmask.errors import IncompatibleService, RoadmaskError
from roadmask.hashing import sha256_of
from roadmask.images.labels.choice import to_categories
from roadmask.images.labels.label_option import LabelOption
from roadmask.schemas.ids import check_image_id, path_part, uploaded_id
from roadmask.schemas.images import CatalogueEntry, Hashes, Image, ImagePage, UploadResult
from roadmask.schemas.media_types import OCTET_STREAM


class ImageCalls:
    """The part of `Api` about images."""

    transport: Transport
    _answers: AnswerReader

    async def missing(self, sha256s: Sequence[str], kind: str = "images") -> set[str]:
        """Those of the sha256s (10,000 at most) whose bytes the service does not have.

        `kind` is `images` or `truths`."""
        path = f"/v1/{kind}/missing"
        query = {"sha256": list(sha256s)}
        return set((await self._answers.post(Hashes, path, query, idempotent=True)).sha256)

    async def upload(self, source: Source) -> Image:
        """Upload an image; its bytes are sent only if the service does not have them."""
        return await self._upload(await read_source(source, self.transport))

    async def put_image(self, sha256: str, body: bytes | Path) -> Image:
        """Upload bytes whose sha256 is known; a file is streamed. Raises `HashMismatch`."""
        headers = {"Content-Type": OCTET_STREAM}
        call = Call("PUT", f"/v1/images/{uploaded_id(sha256)}", headers=headers, body=body)
        return await self._answers.send(Image, call)

    async def put_images(self, files: Sequence[bytes]) -> list[Image | RoadmaskError]:
        """Upload small files in one request: for each its image, or why it is refused.

        Raises the error itself if the only file is refused."""
        content_type, body = encode_form(files)
        headers = {"Content-Type": content_type}
        call = Call("POST", "/v1/images", headers=headers, body=body, idempotent=True)
        results = await self._answers.send_list(UploadResult, call)
        if len(results) != len(files):
            raise IncompatibleService(
                f"The service answered for {len(results)} of {len(files)} files."
            )
        return [result.image or error_of(result.error or {}) for result in results]

    async def put_truth(self, png: bytes, labels: LabelOption | str | None = None) -> str:
        """Upload an annotated mask, a PNG of `encode_mask`, and return its sha256.

        With `labels`, a label set or the path of a JSON file, it is a mask file of that label set,
        and its categories are uploaded. Raises `InvalidRequest` for labels that the set has not."""
        if labels is not None:
            png = await self.transport.offload(partial(to_categories, png, labels))
        sha256 = sha256_of(png)
        headers = {"Content-Type": "image/png"}
        call = Call("PUT", f"/v1/truths/sha256-{sha256}", headers=headers, body=png)
        await self.transport.send(call)
        return sha256

    async def image(self, image_id: str) -> Image:
        """What the service knows of an image. Raises `ImageNotFound`."""
        path = f"/v1/images/{quote(check_image_id(image_id))}"
        return await self._answers.get(Image, path)

    async def images(
        self,
        *,
        dataset: str | None = None,
        prefix: str | None = None,
        q: str | None = None,
        truth: bool | None = None,
    ) -> AsyncGenerator[Image]:
        """Images in the order of their ids: those of a `dataset`, those whose id begins with
        `prefix` or contains `q`, those with or without an annotated mask (`truth`)."""
        given = {"dataset": dataset, "prefix": prefix, "q": q, "truth": truth}
        filters = {name: value for name, value in given.items() if value is not None}
        async for page in self._answers.pages(ImagePage, "/v1/images", filters):
            for image in page.images:
                yield image

    async def register(self, dataset: str, entries: Iterable[CatalogueEntry]) -> None:
        """Add uploaded images to a dataset. An entry replaces one of the same name."""
        remaining = iter(entries)
        while batch := list(islice(remaining, MAX_JSON_ITEMS)):
            body = [entry.model_dump(exclude_none=True) for entry in batch]
            path = f"/v1/datasets/{path_part(dataset)}/images"
            read_json(await self.transport.send(Call("POST", path, json=body, idempotent=True)))

    async def _upload(self, file: UploadFile) -> Image:
        sha256 = await self.transport.offload(file.sha256)
        if not await self.missing([sha256]):
            return await self.image(uploaded_id(sha256))
        return await self.put_image(sha256, file.body)
