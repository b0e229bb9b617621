"""What is deleted is gone, wherever it was, and what it stood beside is untouched."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
import pytest
from redis import Redis

from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import Image
from roadmask.settings import Settings
from storage.access.api_key import Scope
from storage.access.caller import ANYBODY
from storage.backends import StorageBackends
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.uploaded_image import UploadedImage
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from storage.redis_text import texts
from tests.harness.api.callers import Callers
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put
from tests.harness.storage.usage import bytes_stored
from tests.harness.worker.fake_worker import FakeWorker


@pytest.fixture
def storage(settings: Settings, redis: Redis, store: LocalStore) -> StorageBackends:
    """The storage of a worker, for which everything has settled."""
    return StorageBackends.build(
        redis, store, settings.model_copy(update={"item_deadline_s": 0.0, "lease_s": 0.0001})
    )


def traces(store: LocalStore, redis: Redis, *words: str) -> list[str]:
    """The keys of store and Redis whose names or contents have one of the words."""
    found = []
    for key in store.keys(""):
        if key.startswith(("erasures/", "audit/")):
            continue
        text = key + store.get(key).decode("latin-1")
        found += [key for word in words if word in text]
    for key in texts(redis.keys("*")):
        found += [key for word in words if word in key]
    return found


def test_an_image_is_erased_with_all_that_was_made_of_it(
    client: httpx.Client,
    storage: StorageBackends,
    store: LocalStore,
    redis: Redis,
    worker: FakeWorker,
) -> None:
    image, other = put(client, picture()), put(client, picture(1))
    entry = {"name": "one", "sha256": digest(picture())}
    client.post("/v1/datasets/scenes/images", json=[entry])
    job_id = submit(client, ["scenes/one", other], confidence=True)
    worker.finish(job_id)
    open_job = submit(client, [image] * 2, confidence=True)
    worker.succeed(open_job, 0)
    client.get(f"/v1/images/{image}/thumbnail")
    masks = [f"/v1/jobs/{job_id}/items/{index}/mask" for index in (0, 1)]
    assert all(client.get(mask).is_success for mask in masks)
    answer = client.delete(f"/v1/images/{image}")
    assert (answer.status_code, answer.json()["finished_at"]) == (202, None)
    assert client.get(f"/v1/images/{image}").status_code == 404
    assert client.get(f"/v1/images/{image}/content").status_code == 404
    assert storage.eraser.sweep() == 1
    assert client.get("/v1/images/scenes/one").status_code == 404
    assert [client.get(mask).status_code for mask in masks] == [404, 200]
    result = client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]
    assert (result["shares"], result["scores"]) == ({}, None)
    assert client.get(f"/v1/jobs/{open_job}/items/0").json()["result"]["shares"] == {}
    left = traces(store, redis, digest(picture()))
    assert all(key.startswith("jobs/") for key in left), "only the lists of images of the jobs"
    erasure = client.get(f"/v1/erasures/{answer.json()['id']}").json()
    assert erasure["finished_at"]
    assert erasure["objects"] >= 6
    assert client.get(f"/v1/images/{other}").is_success


def test_a_dataset_is_erased_and_may_be_made_again(
    callers: Callers, storage: StorageBackends, worker: FakeWorker
) -> None:
    owner, other = callers.client("owner"), callers.client("other")
    for client in (owner, other):
        put(client, picture())
    put(owner, picture(1))
    entries = [{"name": str(n), "sha256": digest(picture(n))} for n in (0, 1)]
    owner.post("/v1/datasets/own/images", json=entries)
    assert other.delete("/v1/datasets/own").status_code == 404
    assert owner.delete("/v1/datasets/own").status_code == 202
    storage.eraser.sweep()
    assert owner.get("/v1/images").json()["total"] == 0
    assert owner.get("/v1/datasets").json() == []
    kept = other.get(f"/v1/images/sha256-{digest(picture())}/content", follow_redirects=True)
    assert kept.content == picture(), "the other key has the same bytes"
    assert bytes_stored(callers.storage, str(_id(callers, "owner"))) == 0
    put(other, picture(1))
    assert other.post("/v1/datasets/own/images", json=entries).status_code == 201
    assert owner.delete("/v1/datasets/own").status_code == 404


def register(client: httpx.Client, dataset: str, *seeds: int) -> httpx.Response:
    """Put pictures, which are uploaded, into a dataset."""
    entries = [{"name": str(seed), "sha256": digest(picture(seed))} for seed in seeds]
    return client.post(f"/v1/datasets/{dataset}/images", json=entries)


def content(client: httpx.Client, image: str) -> bytes | None:
    """The bytes of an image; None if there are none."""
    answer = client.get(f"/v1/images/{image}/content", follow_redirects=True)
    return answer.content if answer.is_success else None


def test_a_dataset_leaves_the_images_that_another_one_has(
    client: httpx.Client, storage: StorageBackends, worker: FakeWorker
) -> None:
    for seed in (0, 1):
        put(client, picture(seed))
    register(client, "first", 0, 1)
    register(client, "second", 1)
    job_id = submit(client, ["first/0", "second/1"])
    worker.finish(job_id)
    assert client.delete("/v1/datasets/first").status_code == 202
    assert storage.eraser.sweep() == 1
    assert [d["name"] for d in client.get("/v1/datasets").json()] == ["second"]
    assert content(client, "second/1") == picture(1)
    assert content(client, f"sha256-{digest(picture(1))}") == picture(1)
    assert content(client, f"sha256-{digest(picture(0))}") is None
    masks = [client.get(f"/v1/jobs/{job_id}/items/{index}/mask") for index in (0, 1)]
    assert [mask.status_code for mask in masks] == [404, 200]
    assert client.get(f"/v1/jobs/{job_id}/items/1").json()["result"]["shares"]
    client.delete("/v1/datasets/second")
    storage.eraser.sweep()
    assert content(client, f"sha256-{digest(picture(1))}") is None, "nobody has it any more"


def test_an_admin_key_leaves_what_another_key_uploaded_when_it_deletes_a_dataset(
    callers: Callers, storage: StorageBackends
) -> None:
    owner, other = callers.client("owner"), callers.client("other")
    admin = callers.client("admin", (Scope.ADMIN,))
    for client, seeds in ((owner, (0, 1)), (other, (1,))):
        for seed in seeds:
            put(client, picture(seed))
    register(owner, "own", 0, 1)
    assert admin.delete("/v1/datasets/own").status_code == 202
    storage.eraser.sweep()
    assert content(other, f"sha256-{digest(picture(1))}") == picture(1)
    assert content(admin, f"sha256-{digest(picture(0))}") is None
    assert bytes_stored(callers.storage, _id(callers, "owner")) == 0


def test_a_key_does_not_erase_bytes_that_all_share(
    client: httpx.Client, callers: Callers, storage: StorageBackends
) -> None:
    image = put(client, picture())
    pixels = client.get(f"/v1/images/{image}").json()
    mask = encode_mask(np.ones((pixels["height"], pixels["width"]), np.uint8))
    client.put(f"/v1/truths/sha256-{digest(mask)}", content=mask)
    one, two = callers.client("one"), callers.client("two")
    register(one, "ones", 0)
    register(two, "twos", 0)
    assert one.delete("/v1/images/ones/0").status_code == 202
    register(one, "ones", 0)
    assert one.delete("/v1/datasets/ones").status_code == 202
    assert one.delete(f"/v1/truths/sha256-{digest(mask)}").status_code == 403
    storage.eraser.sweep()
    assert content(two, "twos/0") == content(two, image) == picture()
    assert content(one, "ones/0") is None


def test_bytes_that_all_share_stay_so_when_a_key_uploads_them_too(
    client: httpx.Client, callers: Callers, storage: StorageBackends
) -> None:
    image = put(client, picture())
    one, two = callers.client("one"), callers.client("two")
    one.post("/v1/images", files={"files": ("mine.png", picture())}).raise_for_status()
    assert content(two, image) == picture()
    assert one.delete(f"/v1/images/{image}").status_code == 403
    storage.eraser.sweep()
    assert content(two, image) == picture()


@pytest.mark.parametrize("path", ["images/scenes/0", "datasets/scenes"])
def test_what_is_uploaded_again_while_its_erasure_runs_is_a_new_image(
    client: httpx.Client,
    storage: StorageBackends,
    store: LocalStore,
    worker: FakeWorker,
    path: str,
) -> None:
    put(client, picture())
    register(client, "scenes", 0)
    before = submit(client, ["scenes/0"])
    worker.finish(before)
    assert client.delete(f"/v1/{path}").status_code == 202
    assert content(client, "scenes/0") is None
    assert register(client, "scenes", 0).status_code == 404, "it is not uploaded"
    put(client, picture())
    assert register(client, "scenes", 0).status_code == 201
    after = submit(client, ["scenes/0"])
    worker.finish(after)
    assert storage.eraser.sweep() == 1
    assert content(client, "scenes/0") == picture()
    assert client.get(f"/v1/jobs/{before}/items/0").json()["result"]["shares"] == {}
    assert client.get(f"/v1/jobs/{after}/items/0").json()["result"]["shares"]
    assert client.get(f"/v1/jobs/{after}/items/0/mask").is_success


def test_an_upload_that_meets_the_deletion_of_the_same_bytes_keeps_or_repeats_them(
    client: httpx.Client, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = put(client, picture())
    delete, is_first = LocalStore.delete, iter([True])

    def upload_then_delete(self: LocalStore, key: str) -> None:
        if key == image_key(digest(picture())) and next(is_first, False):
            put(client, picture())  # it finds the bytes in the store
        delete(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "delete", upload_then_delete)
        assert client.delete(f"/v1/images/{image}").status_code == 202
    assert content(client, image) == picture()
    add = Catalogue.add_uploads

    def delete_then_add(self: Catalogue, uploads: Sequence[UploadedImage]) -> list[Image]:
        for upload in uploads:
            delete(store, image_key(upload.sha256))
        return add(self, uploads)

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "add_uploads", delete_then_add)
        answer = client.put(f"/v1/images/{image}", content=picture())
        assert answer.status_code == 503
    assert put(client, picture()) == image
    assert content(client, image) == picture()


def test_a_registration_that_meets_an_erasure_names_what_is_missing(
    client: httpx.Client, storage: StorageBackends, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = put(client, picture())
    write = Catalogue._write_new

    def erase_then_write(self: Catalogue, images: list[Image]) -> list[Image]:
        storage.eraser.image(ANYBODY, image)
        return write(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "_write_new", erase_then_write)
        answer = register(client, "scenes", 0)
    assert (answer.status_code, answer.json()["missing"]) == (404, [digest(picture())])
    put(client, picture())
    assert register(client, "scenes", 0).status_code == 201
    storage.eraser.sweep()
    assert content(client, "scenes/0") == picture()


def _id(callers: Callers, name: str) -> str:
    return next(key.id for key in callers.storage.api_keys.list() if key.name == name)


def test_a_job_is_erased_and_canceled_if_it_runs(
    client: httpx.Client,
    storage: StorageBackends,
    store: LocalStore,
    redis: Redis,
    worker: FakeWorker,
) -> None:
    image = put(client, picture())
    ended, running = (submit(client, [image] * 3) for _ in "ab")
    worker.finish(ended)
    claim = worker.begin(running, 0)
    for job_id in (ended, running):
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 202
        assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert storage.leases.renew([claim]) == [claim], "its worker learns of it"
    storage.leases.release(claim)
    storage.eraser.sweep()
    storage.reconciler.run()
    assert traces(store, redis, ended, running) == []
    assert client.get(f"/v1/images/{image}").is_success
    assert client.delete(f"/v1/jobs/{ended}").status_code == 404


def test_a_truth_is_erased_and_its_images_go_on(
    client: httpx.Client, storage: StorageBackends, store: LocalStore
) -> None:
    image = client.get(f"/v1/images/{put(client, picture())}").json()
    mask = encode_mask(np.ones((image["height"], image["width"]), np.uint8))
    client.put(f"/v1/truths/sha256-{digest(mask)}", content=mask)
    entry = {"name": "a", "sha256": digest(picture()), "truth_sha256": digest(mask)}
    assert client.post("/v1/datasets/scenes/images", json=[entry]).status_code == 201
    answer = client.delete(f"/v1/truths/sha256-{digest(mask)}")
    assert answer.status_code == 202
    assert answer.json()["finished_at"]
    assert client.get("/v1/images/scenes/a").json()["truth_sha256"] is None
    assert client.get("/v1/images?truth=true").json()["images"] == []
    assert not list(store.keys("truths/"))
    assert client.delete(f"/v1/truths/sha256-{digest(mask)}").status_code == 404


def test_what_is_shared_is_deleted_by_an_admin_key_only(
    client: httpx.Client, callers: Callers, storage: StorageBackends
) -> None:
    image = put(client, picture())
    keyed, admin = callers.client("a"), callers.client("b", (Scope.ADMIN,))
    answer = keyed.delete(f"/v1/images/{image}")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    erasure = admin.delete(f"/v1/images/{image}").json()
    assert keyed.get(f"/v1/erasures/{erasure['id']}").status_code == 404
    assert keyed.get(f"/v1/images/{image}").status_code == 404
