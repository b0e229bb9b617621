"""Owners of datasets and uploads, and the bytes that each owner stores.

The object store has a marker for each owned dataset and upload, which is written before the dataset
or the upload itself. Redis has an index of the markers. A dataset or upload without an owner is
shared by all keys: it was made without keys, or its owner shared it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from redis import Redis

from roadmask.errors import DatasetTaken, QuotaExceeded
from roadmask.schemas.ids import MAX_INDEX
from roadmask.schemas.images import Image
from roadmask.schemas.media_types import JSON
from storage.access.caller import Caller
from storage.access.dataset_marker import UNREADABLE, DatasetMarker, parse_marker, stem_of
from storage.access.quota_holds import Hold, QuotaHolds
from storage.access.readers import Readers
from storage.access.upload_index import OWNED_UPLOADS, UPLOAD_NAMES, UPLOADS_OF, USAGE, UploadIndex
from storage.connections import records_guard
from storage.objects.keys import (
    DATASETS,
    OWNERS,
    dataset_marker_key,
    image_key,
    truth_key,
    upload_marker_key,
)
from storage.objects.store import ObjectStore
from storage.redis_text import text, texts
from storage.stored_record import FORMAT, EncodableText, read_record

Kind = Literal["images", "truths"]
DATASET_OWNERS = "rm:datasets"
"""Hash from the name of an owned dataset to its marker (JSON). If the marker is unreadable, the
name may be unknown, and the stem of the marker's key stands for it."""
BATCH = 500
_MARKER = re.compile(rf"{OWNERS}[^/]+/(images|truths)/[0-9a-f]{{64}}\.json")


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """The content of an upload's marker."""

    bytes: Annotated[int, Field(ge=0, le=MAX_INDEX)]
    filename: EncodableText | None = None


_UPLOAD_FACTS = TypeAdapter(UploadFacts)


class Ownership:
    """Owners by dataset and upload.

    Every method raises `RecordsUnavailable` and `StoreUnavailable`.
    """

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis: Any = redis
        self._store = store
        self._holds = QuotaHolds(redis)
        self._uploads = UploadIndex(redis)

    # Uploads

    def visible(self, caller: Caller, kind: Kind, sha256s: Sequence[str]) -> set[str]:
        """Filter the uploads that the caller may use: its own, and those without an owner."""
        if caller.sees_all or not sha256s:
            return set(sha256s)
        fields = [f"{kind}/{sha256}" for sha256 in sha256s]
        with records_guard(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(OWNED_UPLOADS, fields)
            pipe.hmget(f"{UPLOADS_OF}{caller.owner}", fields)
            owner_counts, own_sizes = pipe.execute()
        found = zip(sha256s, owner_counts, own_sizes, strict=True)
        return {sha256 for sha256, owners, own in found if owners is None or own is not None}

    def add_upload(
        self, caller: Caller, kind: Kind, sha256: str, size: int, filename: str | None = None
    ) -> None:
        """Note that the caller uploaded these bytes, from a file of this name.

        Uploads of a service without keys have no owner. Raises `QuotaExceeded`.
        """
        if caller.owner is None:
            return
        field = f"{kind}/{sha256}"
        known = self.owns_upload(caller, kind, sha256)
        name = self.filenames(caller, kind, [sha256]).get(sha256)
        if known and filename in (None, name):
            return
        hold = Hold(USAGE, caller.owner, field)
        if not known:
            self._hold_bytes(caller, hold, size)
        facts = {"bytes": size, "filename": filename, "record_format": FORMAT}
        marker = json.dumps(facts).encode()
        try:
            self._store.put(upload_marker_key(caller.owner, field), marker, JSON)
        except Exception:
            with records_guard():
                self._holds.drop(hold)
            raise
        self._uploads.add(caller.owner, field, size, filename)

    def owns_upload(self, caller: Caller, kind: Kind, sha256: str) -> bool:
        """Whether the caller uploaded these bytes."""
        with records_guard():
            return bool(self._redis.hexists(f"{UPLOADS_OF}{caller.owner}", f"{kind}/{sha256}"))

    def filenames(self, caller: Caller, kind: Kind, sha256s: Sequence[str]) -> dict[str, str]:
        """The filenames of the caller's uploads by sha256, as far as they are known."""
        if caller.owner is None or not sha256s:
            return {}
        fields = [f"{kind}/{sha256}" for sha256 in sha256s]
        with records_guard():
            names = self._redis.hmget(f"{UPLOAD_NAMES}{caller.owner}", fields)
        found = zip(sha256s, names, strict=True)
        return {sha256: text(name, errors="replace") for sha256, name in found if name}

    def owners_of(self, kind: Kind, sha256: str) -> set[str]:
        """The owners of an upload."""
        field = f"{kind}/{sha256}"
        owners = self.owners()
        with records_guard(), self._redis.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.hexists(f"{UPLOADS_OF}{owner}", field)
            found = pipe.execute()
        return {owner for owner, has in zip(owners, found, strict=True) if has}

    def check_alone(self, caller: Caller, sha256: str) -> None:
        """Raise `DatasetTaken` unless the caller is the only owner of an uploaded image."""
        if not caller.sees_all and self.owners_of("images", sha256) != {caller.owner}:
            raise DatasetTaken(
                "This image was also uploaded by another key, or is shared by all of them. Put it "
                "into a dataset of your own, and annotate it there."
            )

    def forget_upload(self, owner: str | None, kind: Kind, sha256: str) -> None:
        """Forget that `owner` has an upload; None: that any owner has it."""
        field = f"{kind}/{sha256}"
        for each in self.owners_of(kind, sha256) if owner is None else {owner}:
            self._store.delete(upload_marker_key(each, field))
            self._uploads.forget(each, field)

    def is_lost(self, marker: str) -> bool:
        """Whether the store lacks the bytes of the upload with this marker key."""
        if not _MARKER.fullmatch(marker):
            return False
        _, kind, sha256 = _upload_of(marker)
        return not self._store.exists((image_key if kind == "images" else truth_key)(sha256))

    def forget_lost(self, marker: str) -> None:
        """Forget a lost upload by the key of its marker, unless it is uploaded again meanwhile."""
        body, facts = self._store.get(marker), self._facts(marker)
        owner, kind, sha256 = _upload_of(marker)
        self.forget_upload(owner, kind, sha256)
        if not self.is_lost(marker):
            # It was uploaded again before its owner was forgotten.
            self._store.put(marker, body, JSON)
            self._uploads.add(owner, f"{kind}/{sha256}", facts.bytes, facts.filename)

    def forget_dataset(self, name: str) -> None:
        """Forget the owner of an erased dataset."""
        self._store.delete(dataset_marker_key(name))
        with records_guard():
            self._redis.hdel(DATASET_OWNERS, name, stem_of(dataset_marker_key(name)))

    def _hold_bytes(self, caller: Caller, hold: Hold, size: int) -> None:
        quota = caller.key.quota_bytes if caller.key else None
        if quota is None:
            return
        with records_guard():
            taken, stored = self._holds.take(hold, size, quota)
            # Another request of the key may have sent the same bytes meanwhile.
            if taken or self._redis.hexists(f"{UPLOADS_OF}{hold.owner}", hold.id):
                return
        raise QuotaExceeded(
            f"The uploads of this key have {stored:,} bytes. With these {size:,} they would be "
            f"over its quota of {quota:,}. Delete some, or ask the operator for more."
        )

    # Datasets

    def visible_datasets(self, caller: Caller, names: Iterable[str]) -> set[str]:
        """Filter the datasets that the caller may read."""
        wanted = sorted(set(names))
        if caller.sees_all or not wanted:
            return set(wanted)
        return {
            name
            for name, marker in zip(wanted, self._markers(wanted), strict=True)
            if marker is None or marker.is_read_by(caller)
        }

    def dataset(self, name: str) -> DatasetMarker | None:
        """The marker of a dataset; None for a dataset without an owner."""
        return self._markers([name])[0]

    def _markers(self, names: list[str]) -> list[DatasetMarker | None]:
        stems = [stem_of(dataset_marker_key(name)) for name in names]
        with records_guard():
            found = self._redis.hmget(DATASET_OWNERS, [*names, *stems])
        pairs = zip(found[: len(names)], found[len(names) :], strict=True)
        markers = [by_name or by_stem for by_name, by_stem in pairs]
        return [parse_marker(found, DATASET_OWNERS) if found else None for found in markers]

    def claim_dataset(self, caller: Caller, name: str, *, is_new: bool) -> None:
        """Check that the caller may write to a dataset. The caller becomes the owner of a new one.

        Raises `DatasetTaken`.
        """
        marker = self.dataset(name)
        if marker is None and is_new and caller.owner is not None:
            marker = DatasetMarker(caller.owner)
            self._write(name, marker)
        owner = marker.owner if marker else None
        if not caller.sees_all and owner != caller.owner:
            why = "is shared by all keys" if owner is None else "belongs to another key"
            raise DatasetTaken(f"The dataset {name!r} {why}. Choose another name.")

    def _write(self, name: str, marker: DatasetMarker) -> None:
        fields = asdict(replace(marker, name=name)) | {"record_format": FORMAT}
        body = json.dumps(fields).encode()
        self._store.put(dataset_marker_key(name), body, JSON)
        with records_guard():
            self._redis.hset(DATASET_OWNERS, name, body)

    def share_dataset(self, name: str, marker: DatasetMarker, readers: Readers) -> DatasetMarker:
        """Let only these keys and the owner read a dataset."""
        keys = tuple(key for key in readers.keys if key != marker.owner)
        shared = replace(marker, shared=readers.everyone, readers=keys)
        self._write(name, shared)
        return shared

    def audience(self, dataset: str) -> tuple[str | None, ...]:
        """The owners whose lists include the images of a dataset; None stands for all owners."""
        marker = self.dataset(dataset)
        return (None,) if marker is None else marker.audience

    def may_change(self, caller: Caller, dataset: str) -> bool:
        """Whether the caller may change a dataset."""
        marker = self.dataset(dataset)
        return caller.owns(marker.owner if marker else None)

    def listed_by(self, image: Image) -> set[str]:
        """The owners whose lists include an image: its own, and the audience of its dataset."""
        audience = self.audience(image.dataset) if image.dataset else ()
        return set(map(str, self.owners_of("images", image.sha256))).union(filter(None, audience))

    # Rebuild

    def owners(self) -> list[str]:
        """All owners of uploads."""
        with records_guard():
            return sorted(texts(self._redis.hkeys(USAGE)))

    def images_of(self, owner: str) -> set[str]:
        """The sha256s of the images that an owner uploaded."""
        with records_guard():
            fields = texts(self._redis.hkeys(f"{UPLOADS_OF}{owner}"))
        return {field.partition("/")[2] for field in fields if field.startswith("images/")}

    def with_owners(self, kind: Kind, sha256s: Sequence[str]) -> set[str]:
        """Filter the uploads that have an owner."""
        if not sha256s:
            return set()
        with records_guard():
            found = self._redis.hmget(OWNED_UPLOADS, [f"{kind}/{sha256}" for sha256 in sha256s])
        return {sha256 for sha256, count in zip(sha256s, found, strict=True) if count}

    def rebuild(self, skip: Callable[[str, Exception], None]) -> None:
        """Restore the index of an emptied Redis from the markers.

        `skip` is called with the key and the error of each unreadable marker. The index must be
        complete, because a dataset or upload without a marker is shared by all keys.
        """
        with records_guard():
            is_damaged = self._redis.type(DATASET_OWNERS) not in (b"hash", b"none")
        # A damaged index is replaced in one transaction, so that no dataset is shared meanwhile.
        pipe = self._redis.pipeline(transaction=True)
        target: Redis = pipe if is_damaged else self._redis
        if is_damaged:
            pipe.delete(DATASET_OWNERS)
        for key in self._store.keys(DATASETS):
            try:
                body = self._store.get(key)
                name = parse_marker(body, key).name or stem_of(key)
            except Exception as error:
                skip(key, error)
                # Only admin keys see the dataset until its marker is repaired.
                name, body = stem_of(key), json.dumps({"owner": UNREADABLE}).encode()
            with records_guard():
                _set_marker(target, key, name, body)
        with records_guard(), pipe:
            pipe.execute()
        keys = self._store.keys(OWNERS)
        with ThreadPoolExecutor(8) as pool:
            while batch := list(islice(keys, BATCH)):
                for key, facts in zip(batch, pool.map(self._try_facts, batch), strict=True):
                    if isinstance(facts, Exception):
                        skip(key, facts)
                        # The key names the owner, so only the size and the filename are lost.
                        facts = UploadFacts(bytes=0)
                    if _MARKER.fullmatch(key):
                        owner, kind, sha256 = _upload_of(key)
                        self._uploads.add(owner, f"{kind}/{sha256}", facts.bytes, facts.filename)

    def restore_dataset(self, key: str) -> tuple[str, DatasetMarker]:
        """Restore a dataset's owner from the marker with this key; return its name and the marker.

        Raises `RecordUnreadable` and `ObjectNotFound`.
        """
        body = self._store.get(key)
        marker = parse_marker(body, key)
        name = marker.name or stem_of(key)
        with records_guard():
            _set_marker(self._redis, key, name, body)
        return name, marker

    def _try_facts(self, key: str) -> UploadFacts | Exception:
        try:
            return self._facts(key)
        except Exception as error:
            return error

    def _facts(self, key: str) -> UploadFacts:
        return read_record(self._store, key, _UPLOAD_FACTS)


def _set_marker(redis: Redis, key: str, name: str, body: bytes) -> None:
    """Set the marker of a dataset, and remove an unreadable one that was noted under its stem."""
    redis.hset(DATASET_OWNERS, name, body)
    if name != stem_of(key):
        redis.hdel(DATASET_OWNERS, stem_of(key))


def _upload_of(marker: str) -> tuple[str, Kind, str]:
    """Owner, kind and sha256 of the upload whose marker has this key."""
    owner, kind, sha256 = marker.removeprefix(OWNERS).removesuffix(".json").split("/")
    return owner, "images" if kind == "images" else "truths", sha256
