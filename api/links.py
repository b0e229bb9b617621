"""Links in answers: signed URLs of objects, and where to go next from a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from roadmask.images import Image, uploaded_id
from roadmask.job_urls import job_urls
from roadmask.jobs import Item, Job
from roadmask.settings import Settings
from storage.objects import ObjectStore, image_key, truth_key


class Links:
    """Fills the URL fields that storage leaves empty. Signing needs no network."""

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
                "thumbnail_url": f"{self._base}/v1/images/{image.id}/thumbnail",
            }
        )

    def item(self, item: Item) -> Item:
        """The item with the signed URL of its mask, when it has one."""
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

    def content(self, sha256: str) -> str:
        """Where an image's bytes are as long as they are stored: it leads to a signed URL."""
        return f"{self._base}/v1/images/{uploaded_id(sha256)}/content"

    def nearby(self, key: str) -> str:
        """The signed URL for a redirect; without the host where it is this API's own.

        So it leads back by whatever name the client came: a browser at `localhost` may not load
        what is at `127.0.0.1`.
        """
        url, own = urlsplit(self.signed(key)), urlsplit(self._base)
        is_own = (url.scheme, url.netloc) == (own.scheme, own.netloc)
        return urlunsplit(url._replace(scheme="", netloc="") if is_own else url)

    def signed(self, key: str, filename: str | None = None) -> str:
        """The signed URL of an object, as long valid as the settings say."""
        return self._store.url(key, self._ttl, filename=filename)
