"""URLs in answers: signed URLs of objects, and the addresses of a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit, urlunsplit

from roadmask.schemas.ids import uploaded_id
from roadmask.schemas.images import Image
from roadmask.schemas.job_urls import job_urls
from roadmask.schemas.jobs import Item, Job
from roadmask.settings import Settings
from storage.objects.keys import image_key, truth_key
from storage.objects.store import ObjectStore


class Links:
    """Fills in the URL fields that storage leaves empty. Signing needs no network."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._ttl = timedelta(seconds=settings.url_ttl_s)
        self._base = settings.public_url.rstrip("/")

    def image(self, image: Image) -> Image:
        """The image with the URLs of its bytes, its truth and its thumbnail."""
        truth = image.truth_sha256
        return image.model_copy(
            update={
                "content_url": self.signed(image_key(image.sha256)),
                "truth_url": self.signed(truth_key(truth)) if truth else None,
                "thumbnail_url": f"{self._base}/v1/images/{quote(image.id)}/thumbnail",
            }
        )

    def item(self, item: Item) -> Item:
        """The item, with the signed URL of its mask if it has one."""
        if item.result is None:
            return item
        linked = item.result.model_copy(
            update={
                "mask_url": self.signed(item.result.mask_key),
                "mask_url_expires_at": datetime.now(UTC) + self._ttl,
            }
        )
        return item.model_copy(update={"result": linked})

    def job(self, job: Job) -> Job:
        """The job with its URLs."""
        return job.model_copy(update={"urls": job_urls(self._base, job.id)})

    def job_url(self, job_id: str) -> str:
        """The URL of a job."""
        return job_urls(self._base, job_id).self

    def job_path(self, job_id: str) -> str:
        """The URL of a job without the host: a client stays on the host that it used."""
        return urlsplit(self.job_url(job_id)).path

    def content(self, sha256: str) -> str:
        """A permanent URL of an image's bytes, which redirects to a signed one."""
        return f"{self._base}/v1/images/{uploaded_id(sha256)}/content"

    def redirect(self, key: str) -> str:
        """The signed URL as the target of a redirect, without the host if it is that of this API.

        So the client stays on the host that it used: a page at `localhost` may not load from
        `127.0.0.1`.
        """
        url, own = urlsplit(self.signed(key)), urlsplit(self._base)
        is_own = (url.scheme, url.netloc) == (own.scheme, own.netloc)
        return urlunsplit(url._replace(scheme="", netloc="") if is_own else url)

    def signed(self, key: str) -> str:
        """The signed URL of an object, valid for `url_ttl_s` of the settings."""
        return self._store.url(key, self._ttl)
