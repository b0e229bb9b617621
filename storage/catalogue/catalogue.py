"""The catalogue: the images of the service, and their annotated masks.

The object store has the entries, and Redis has an index of them. An entry is written to the store
first, so `rebuild` can restore everything in the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from roadmask.errors import ImageNotFound, InvalidRequest, TruthNotFound
from roadmask.schemas.ids import check_dataset_name, check_image_id, uploaded_id
from roadmask.schemas.images import CatalogueEntry, Dataset, Image, ImagePage
from storage.access.caller import ANYBODY, Caller, owner_alone
from storage.access.ownership import Kind, Ownership
from storage.catalogue.cursors import decode_cursor, encode_cursor, joint_prefix
from storage.catalogue.entry import check_unique, content_of, read_entry, write_entry
from storage.catalogue.index import BATCH, CatalogueIndex
from storage.catalogue.spaces import SPACE_OF, listing_spaces
from storage.catalogue.truths import Truths
from storage.catalogue.uploaded_image import UploadedImage
from storage.name_query import name_matcher
from storage.objects.keys import CATALOGUE, catalogue_key
from storage.objects.listing import listed_keys
from storage.objects.store import ObjectStore

SCANNED = 20_000
"""Most ids that a search reads for one page."""
THREADS = 8
"""Objects that are read or written in parallel."""

ReportDamaged = Callable[[Kind, str], None]
"""Function that is called with the kind and the sha256 of damaged or missing stored bytes."""


class Catalogue:
    """Images by id, as one caller sees them. Images of other keys do not exist for the caller.

    Every method may raise `RecordsUnavailable` or `StoreUnavailable`.
    """

    def __init__(
        self,
        store: ObjectStore,
        index: CatalogueIndex,
        truths: Truths,
        ownership: Ownership,
        caller: Caller = ANYBODY,
    ) -> None:
        self._store = store
        self._index = index
        self._truths = truths
        self._ownership = ownership
        self._caller = caller

    def seen_by(self, caller: Caller) -> Catalogue:
        """The same catalogue for another caller."""
        index = self._index.seen_by(caller)
        return Catalogue(self._store, index, self._truths, self._ownership, caller)

    def own_upload(self, kind: Kind, sha256: str, size: int, filename: str | None = None) -> None:
        """Note that the caller uploads these bytes. Raises `QuotaExceeded`."""
        if self._caller.owner is None:  # a service without keys has no owners
            return
        was_visible = self._is_visible(kind, sha256)
        if was_visible and not self._ownership.owns_upload(self._caller, kind, sha256):
            return  # all keys share these bytes already
        self._ownership.add_upload(self._caller, kind, sha256, size, filename)
        if not was_visible and kind == "images" and self._is_visible(kind, sha256):
            # Another key uploaded the same bytes before.
            self._index.list_uploads([uploaded_id(sha256)])

    def _is_visible(self, kind: Kind, sha256: str) -> bool:
        if kind == "truths":
            return not self.missing(kind, [sha256])
        return self._index.get_many([uploaded_id(sha256)])[0] is not None

    def add_uploads(self, uploads: Sequence[UploadedImage]) -> list[Image]:
        """Add uploaded images, whose bytes the store has; return their entries."""
        found, damaged = self._index.uploads([upload.sha256 for upload in uploads])
        for sha256 in damaged:
            self._index.unmark_damaged(sha256)
        # With keys, the entry has no filename, because all owners of the bytes share the entry.
        is_named = self._caller.owner is None
        new: dict[str, Image] = {}
        entries = []
        for upload, known in zip(uploads, found, strict=True):
            entry = known or upload.entry()
            if known is None:
                new[entry.id] = entry if is_named else entry.model_copy(update={"filename": None})
            elif is_named and upload.filename:
                entry = self._renamed(known, upload.filename)
            entries.append(entry)
        self._write(list(new.values()))
        return entries

    def register(self, dataset: str, entries: Sequence[CatalogueEntry]) -> list[Image]:
        """Add uploaded images to a dataset. All are checked before the first one is written.

        Afterwards, lists show the images under these names only; the ids of the uploads stay valid.
        Raises `InvalidId` for an invalid name, `ImageNotFound` and `TruthNotFound` with the hashes
        of missing uploads in `missing`, `DatasetTaken` for a dataset of another key, and
        `InvalidRequest` for a repeated name or a truth with another size than its image.
        """
        check_dataset_name(dataset)
        is_new = self._index.seen_by(ANYBODY).count(f"{dataset}/") == 0
        self._ownership.claim_dataset(self._caller, dataset, is_new=is_new)
        image_ids = [check_image_id(f"{dataset}/{entry.name}") for entry in entries]
        check_unique(image_ids)
        uploads = self._uploads(entries)
        images = [
            upload.model_copy(
                update={
                    "id": image_id,
                    "dataset": dataset,
                    "filename": entry.filename,
                    "pixels": entry.pixels,
                    "truth_sha256": entry.truth_sha256,
                    "created_at": datetime.now(UTC),
                }
            )
            for image_id, entry, upload in zip(image_ids, entries, uploads, strict=True)
        ]
        self._check_truths(images)
        written = self._write_new(images)
        # An erasure may have removed uploads during the write.
        self._uploads(entries)
        self._check_written(images)
        return written

    def set_truth(self, image_id: str, sha256: str) -> Image:
        """Make an uploaded mask the truth of an image. The earlier truth stays in the store.

        Raises `ImageNotFound`, `TruthNotFound`, `DatasetTaken` if the caller is not the only owner
        of the image, and `InvalidRequest` for a mask of another size.
        """
        image = self.get(image_id)
        if image.dataset:
            self._ownership.claim_dataset(self._caller, image.dataset, is_new=False)
        else:
            self._ownership.check_alone(self._caller, image.sha256)
        if image.truth_sha256 == sha256:
            return image
        earlier = [*image.earlier_truths, *([image.truth_sha256] if image.truth_sha256 else [])]
        changed = image.model_copy(update={"truth_sha256": sha256, "earlier_truths": earlier})
        self._check_truths([changed])
        self._write([changed])
        self._check_written([changed])
        return changed

    def get(self, image_id: str) -> Image:
        """Return the entry of an image. Raises `InvalidId`, `ImageNotFound`."""
        image = self._index.get_many([check_image_id(image_id)])[0]
        if image is None:
            raise ImageNotFound(f"There is no image {image_id!r}. Upload it, or check the id.")
        return image

    def get_many(self, image_ids: Sequence[str]) -> list[Image | None]:
        """Return the entries of these ids, None for an id without an entry."""
        return self._index.get_many(image_ids)

    def page(
        self,
        prefix: str | None = None,
        dataset: str | None = None,
        query: str | None = None,
        with_truth: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
        offset: int = 0,
        at: str | None = None,
    ) -> ImagePage:
        """List images in id order; each word of `query` matches in id or filename.

        With `query` or `with_truth=False` the ids are searched: a page ends after `SCANNED` ids, so
        it may have fewer than `limit` images, even none, although more follow. `next` is None only
        on the last page. Without a search, the images are counted (`total`), and a page may begin
        at any `offset` or with the image `at`. Raises `InvalidId`, and `ImageNotFound` for an `at`
        that is not in the list.
        """
        start = joint_prefix(prefix or "", f"{dataset}/" if dataset else "")
        if start is None:
            return ImagePage(images=[], total=0)
        searched = bool(query) or with_truth is False
        if (offset or at) and (searched or cursor):
            raise InvalidRequest(
                "A search (`q`, `truth=false`) is paged by `cursor` only. `offset` and `at` need a "
                "list without a search and without a `cursor`."
            )
        annotated = with_truth is True
        if at is not None:
            if not (self.get(at).id.startswith(start) and self._index.lists(at)):
                raise ImageNotFound(f"{at} is not in this list of images.")
            offset = self._index.count(start, with_truth=annotated, before=at)
        total = None if searched else self._index.count(start, with_truth=annotated)
        batch = BATCH if searched else limit + 1
        after = decode_cursor(cursor)
        found: list[str] = []
        scanned, following = 0, None
        batches = self._index.ids(start, after, skip=offset, with_truth=annotated, batch=batch)
        for ids in batches:
            found += self._matching(ids, query, with_truth)
            scanned += len(ids)
            if len(found) > limit:
                following = found[limit - 1]
                break
            if searched and scanned >= SCANNED:
                following = ids[-1]
                break
        images = [image for image in self._index.get_many(found[:limit]) if image]
        more = encode_cursor(following) if following else None
        known = None if searched or cursor else offset
        return ImagePage(images=images, next=more, total=total, offset=known)

    def walk(self, prefix: str) -> Iterator[Image]:
        """Iterate over the images whose ids begin with `prefix`, in order, in batches."""
        for ids in self._index.ids(prefix):
            yield from (image for image in self._index.get_many(ids) if image)

    def datasets(self) -> list[Dataset]:
        """List all datasets with the numbers of their images."""
        return self._index.datasets()

    def missing(self, kind: Kind, sha256s: Sequence[str]) -> list[str]:
        """Return the hashes of bytes that are damaged or not uploaded, in the given order."""
        if kind == "truths":
            visible = self._ownership.visible(self._caller, kind, sha256s)
            sizes = self._truths.sizes(sorted(visible))
            return [sha256 for sha256 in sha256s if sha256 not in sizes]
        found, damaged = self._index.uploads(sha256s)
        uploads = zip(sha256s, found, strict=True)
        return [sha256 for sha256, image in uploads if image is None or sha256 in damaged]

    def remove(self, image: Image) -> int:
        """Remove the entry of an image; return how many objects were deleted.

        If other keys own the same upload, its entry stays for them.
        """
        if image.dataset is None and not self._caller.sees_all:
            others = self._ownership.owners_of("images", image.sha256) - {self._caller.owner}
            if others:
                self._index.remove([image.id], [f"{SPACE_OF}{self._caller.owner}"])
                return 0
        listed_by = self._ownership.listed_by(image)
        self._store.delete(catalogue_key(image.id))
        self._index.remove_entry(image.id, listed_by)
        return 1

    def drop_truth(self, sha256: str) -> int:
        """Remove this truth from the caller's images; return how many had it."""
        without = [
            image.model_copy(update={"truth_sha256": None})
            for image in self.walk("")
            if image.truth_sha256 == sha256
            and (not image.dataset or self._ownership.may_change(self._caller, image.dataset))
        ]
        for image in without:
            write_entry(self._store, image)
            self._index.drop_truth(image, self._ownership.listed_by(image))
        return len(without)

    def report_damaged(self, kind: Kind, sha256: str) -> None:
        """Note that stored bytes are damaged or missing, so that clients upload them again."""
        if kind == "images":
            self._index.mark_damaged(sha256)
        else:
            self._truths.forget(sha256)

    def rebuild(self, skip: Callable[[str, Exception], None]) -> int:
        """Restore the index of an emptied Redis from the store; return the number of entries.

        `skip` is called with the key and the error of each unreadable entry. It may raise the
        error again.
        """
        self._ownership.rebuild(skip)
        keys = listed_keys(self._store, CATALOGUE, skip)
        count = 0
        with ThreadPoolExecutor(THREADS) as pool:
            while batch := list(islice(keys, BATCH)):
                images = []
                for key, image in zip(batch, pool.map(self._try_read, batch), strict=True):
                    if isinstance(image, Image):
                        images.append(image)
                    else:
                        skip(key, image)
                self._add_to_owners(images)
                count += len(images)
        owners = self._ownership.owners()
        for owner in owners:
            uploads = [uploaded_id(sha256) for sha256 in self._ownership.images_of(owner)]
            self._index.seen_by(owner_alone(owner)).list_uploads(uploads)
        # Last, because the entry of an upload may follow the entry of its name.
        for view in (self, *(self.seen_by(owner_alone(owner)) for owner in owners)):
            view._index.unlist_uploads(view.walk(""))
        return count

    def restore(self, key: str) -> None:
        """Restore the entry with this object key, which was unreadable before.

        Raises `RecordUnreadable` and `ObjectNotFound`.
        """
        image = read_entry(self._store, key)
        self._add_to_owners([image])
        if image.dataset:
            self._index.unlist_uploads([image])
            return
        for owner in self._ownership.owners():
            if image.sha256 in self._ownership.images_of(owner):
                self._index.seen_by(owner_alone(owner)).list_uploads([image.id])

    def _add_to_owners(self, images: Sequence[Image]) -> None:
        """Add restored entries to the spaces of their owners."""
        sha256s = [image.sha256 for image in images if not image.dataset]
        owned = self._ownership.with_owners("images", sha256s)
        groups: dict[tuple[str, ...], list[Image]] = {}
        for image in images:
            if image.dataset is None and image.sha256 in owned:
                self._index.add_entry(image)
            else:
                audience = self._ownership.audience(image.dataset) if image.dataset else (None,)
                groups.setdefault(listing_spaces(audience), []).append(image)
        for spaces, members in groups.items():
            self._index.add(members, spaces)

    def _matching(self, ids: list[str], query: str | None, with_truth: bool | None) -> list[str]:
        if query:
            matches, names = name_matcher(query), self._index.filenames(ids)
            ids = [id_ for id_ in ids if matches(f"{id_} {names.get(id_, '')}")]
        return self._index.without_truth(ids) if with_truth is False else ids

    def _renamed(self, upload: Image, filename: str) -> Image:
        renamed = upload.model_copy(update={"filename": filename})
        if upload.filename != filename:
            write_entry(self._store, renamed)
            self._index.add_entry(renamed)
        return renamed

    def _write_new(self, images: list[Image]) -> list[Image]:
        """Write the entries that are new or changed, so that an import may be repeated."""
        before = self._index.get_many([image.id for image in images])
        result = [
            old if old and content_of(old) == content_of(image) else image
            for image, old in zip(images, before, strict=True)
        ]
        self._write([image for image, old in zip(result, before, strict=True) if image is not old])
        self._index.unlist_uploads(result)
        return result

    def _write(self, images: Sequence[Image]) -> None:
        if len(images) <= THREADS:
            # A pool of threads would be slow for the many requests with few uploads.
            for image in images:
                write_entry(self._store, image)
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(partial(write_entry, self._store), images))
        dataset = images[0].dataset if images else None
        if dataset is None:
            self._index.add(images)
            return
        spaces: tuple[str, ...] = ()
        while (current := listing_spaces(self._ownership.audience(dataset))) != spaces:
            # The dataset may be shared at this moment, and its new readers must get these images.
            self._index.relist(images, spaces, current)
            spaces = current

    def _try_read(self, key: str) -> Image | Exception:
        try:
            return read_entry(self._store, key)
        except Exception as error:
            return error

    def _check_truths(self, images: Sequence[Image]) -> None:
        truths = [image.truth_sha256 for image in images if image.truth_sha256]
        self._truths.check(images, self._ownership.visible(self._caller, "truths", truths))

    def _check_written(self, images: Sequence[Image]) -> None:
        """Check the truths again, because an erasure may have removed some before the entries
        existed, and so did not remove them from these entries."""
        try:
            self._check_truths(images)
        except TruthNotFound as error:
            for sha256 in error.extra["missing"]:
                self.drop_truth(sha256)
            raise

    def _uploads(self, entries: Sequence[CatalogueEntry]) -> list[Image]:
        found = self._index.get_many([uploaded_id(entry.sha256) for entry in entries])
        known = {image.sha256 for image in found if image}
        if missing := sorted({entry.sha256 for entry in entries} - known):
            raise ImageNotFound(
                f"{len(missing)} of these images were not uploaded: {missing[0]}… Upload them "
                "first; `missing` lists them.",
                missing=missing,
            )
        return [image for image in found if image]
