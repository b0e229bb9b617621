"""Keys: scopes, owners, rates and quotas; every route of the API is tried, also those to come."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import suppress

import httpx
import pytest
from redis import Redis

from api.auth import access
from roadmask.errors import StoreUnavailable
from roadmask.hashing import sha256_of
from roadmask.settings import Settings
from storage.access.api_key import ApiKey, Scope, new_key_text
from storage.access.api_keys import REVISION
from storage.connections import connect_async_redis
from storage.objects.local import LocalStore
from tests.api.auth.test_keys import operations
from tests.harness.api.callers import Callers
from tests.harness.api.server import ApiServer
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put
from tests.harness.latch import Latch
from tests.harness.storage.usage import bytes_stored
from tests.harness.worker.fake_worker import FakeWorker

READS = {"GET", "HEAD"}
SCOPES = ((Scope.SUBMIT,), (Scope.READ,), (Scope.SUBMIT, Scope.READ), (Scope.ADMIN,))


class Values(dict[str, str]):
    """Values of path parameters; those that are not given exist nowhere."""

    def __missing__(self, name: str) -> str:
        return {"sha256": "0" * 64, "index": "0", "image_id": "no/image"}.get(name, "none")


def filled(path: str, **values: str) -> str:
    """The path with these values."""
    return path.format_map(Values(values))


def test_every_route_asks_for_its_scope(callers: Callers, api: ApiServer) -> None:
    clients = {scopes: callers.client(f"key {n}", scopes) for n, scopes in enumerate(SCOPES)}
    for (scopes, client), (method, path) in itertools.product(clients.items(), operations(api.app)):
        changes = Scope.ADMIN if path.startswith("/v1/models") else Scope.SUBMIT
        needed = Scope.READ if method in READS else changes
        answer = client.request(method, filled(path))
        allowed = needed in scopes or Scope.ADMIN in scopes
        assert (answer.status_code == 403) != allowed, (method, path, scopes)
        if not allowed:
            assert answer.json()["code"] == "insufficient_scope"
            assert f"`{needed}`" in answer.json()["detail"]


def test_no_route_gives_what_belongs_to_another_key(
    callers: Callers, api: ApiServer, worker: FakeWorker
) -> None:
    owner, other = callers.client("owner"), callers.client("other")
    admin = callers.client("admin", (Scope.ADMIN,))
    image = put(owner, picture())
    entry = {"name": "one", "sha256": digest(picture())}
    assert owner.post("/v1/datasets/own/images", json=[entry]).status_code == 201
    job_id = submit(owner, ["own/one"])
    worker.finish(job_id)
    objects = [{"job_id": job_id}, {"image_id": image}, {"image_id": "own/one"}, {"name": "own"}]
    tried = set()
    for (method, path), values in itertools.product(operations(api.app), objects):
        [parameter] = values
        if f"{{{parameter}}}" not in path:
            continue
        tried.add((method, path))
        address = filled(path, **values)
        body: object = [entry] if parameter == "name" else None
        if path.endswith("/sharing"):
            body = {}
        refused = other.request(method, address, json=body)
        assert refused.status_code in (403, 404), (method, path)
        assert refused.json()["code"] in {
            "job_not_found",
            "image_not_found",
            "dataset_not_found",
            "dataset_taken",
        }, (method, path)
        if method in READS and not path.endswith("/events"):
            own = owner.request(method, address)
            assert own.status_code == admin.request(method, address).status_code, (method, path)
    assert len(tried) > 15


def test_lists_have_what_a_key_may_see(callers: Callers, worker: FakeWorker) -> None:
    owner, other = callers.client("owner"), callers.client("other")
    admin = callers.client("admin", (Scope.ADMIN,))
    for client, seeds in ((owner, (1, 2, 3)), (other, (3, 4))):
        for seed in seeds:
            put(client, picture(seed))
        name = client.headers["X-Name"]
        entry = {"name": "a", "sha256": digest(picture(seeds[0]))}
        assert client.post(f"/v1/datasets/{name}/images", json=[entry]).status_code == 201
        submit(client, [f"{name}/a"])

    def ids(client: httpx.Client, **query: str | int) -> list[str]:
        return [image["id"] for image in client.get("/v1/images", params=query).json()["images"]]

    own = ["owner/a", *sorted(f"sha256-{digest(picture(n))}" for n in (2, 3))]
    others = ["other/a", f"sha256-{digest(picture(4))}"]
    assert (ids(owner), ids(other)) == (sorted(own), sorted(others))
    assert set(ids(admin)) >= {*own, *others} - {f"sha256-{digest(picture(3))}"}
    for offset in range(4):
        assert ids(owner, offset=offset, limit=2) == sorted(own)[offset : offset + 2]
    assert owner.get("/v1/images").json()["total"] == 3
    assert ids(owner, at="owner/a", limit=1) == ["owner/a"]
    assert other.get("/v1/images?at=owner/a").status_code == 404
    names = [dataset["name"] for dataset in owner.get("/v1/datasets").json()]
    assert names == ["owner"]
    assert len(owner.get("/v1/jobs").json()["jobs"]) == 1
    assert len(admin.get("/v1/jobs").json()["jobs"]) == 2
    # What somebody else has is missing: to hold a hash is not to hold the image.
    hashes = {"sha256": [digest(picture(n)) for n in (1, 4)]}
    assert other.post("/v1/images/missing", json=hashes).json()["sha256"] == [digest(picture(1))]
    answer = other.post("/v1/jobs", json={"images": [{"id": "owner/a"}]})
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")
    answer = other.post("/v1/jobs", json={"dataset": "owner"})
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


def test_what_was_made_without_keys_is_shared(
    client: httpx.Client, callers: Callers, worker: FakeWorker
) -> None:
    image = put(client, picture())
    entry = {"name": "a", "sha256": digest(picture())}
    client.post("/v1/datasets/old/images", json=[entry])
    job_id = submit(client, [image])
    worker.finish(job_id)
    keyed = callers.client("new")
    assert client.get("/v1/images").status_code == 401, "now there is a key"
    assert keyed.get(f"/v1/jobs/{job_id}/items/0/mask").is_success
    assert [image["id"] for image in keyed.get("/v1/images").json()["images"]] == ["old/a"]
    assert keyed.get("/v1/images/old/a/content").status_code == 307
    answer = keyed.post("/v1/datasets/old/images", json=[entry])
    assert (answer.status_code, answer.json()["code"]) == (403, "dataset_taken")


def test_a_key_works_at_once_and_a_revoked_one_no_more(callers: Callers) -> None:
    first = callers.client("first")
    key = callers.key("second", expires_ms=int(time.time() * 1000) + 10**6)
    assert first.get("/v1/taxonomy").is_success
    callers.storage.api_keys.revoke("first")
    answer = first.get("/v1/taxonomy")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "revoked" in answer.json()["detail"]
    callers.storage.api_keys.revoke(key.id)
    assert first.get("/v1/taxonomy").status_code == 401, "the service has keys, if revoked ones"


def test_a_stream_ends_with_its_key(callers: Callers) -> None:
    client, other = callers.client("watcher"), callers.client("other", (Scope.ADMIN,))
    job_id = submit(client, [put(client, picture(1))])
    path = f"/v1/jobs/{job_id}/events"
    with client.stream("GET", path) as response, other.stream("GET", path) as goes_on:
        lines = response.iter_lines()
        assert any('"queued"' in line for line in itertools.islice(lines, 8))
        callers.storage.api_keys.revoke("watcher")
        other.post(f"/v1/jobs/{job_id}/cancel")
        assert "canceled" not in "".join(lines)
        assert "canceled" in "".join(goes_on.iter_lines())


def test_an_expired_key_says_so(callers: Callers) -> None:
    client = callers.client("brief", expires_ms=int(time.time() * 1000) - 1)
    assert "expired" in client.get("/v1/taxonomy").json()["detail"]


def test_idempotency_keys_belong_to_a_key(callers: Callers) -> None:
    clients = [callers.client(name) for name in ("a", "b")]
    jobs = []
    for client in clients:
        image = put(client, picture())
        for _ in range(2):
            headers = {"Idempotency-Key": "same"}
            answer = client.post("/v1/jobs", json={"images": [{"id": image}]}, headers=headers)
            assert answer.is_success
            jobs.append(answer.json()["id"])
    assert jobs[0] == jobs[1] != jobs[2] == jobs[3]


def test_a_rate_and_its_headers(callers: Callers) -> None:
    client = callers.client("slow", rate=2)
    answers = [client.get("/v1/taxonomy") for _ in range(4)]
    assert 200 in {answer.status_code for answer in answers}
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    assert last.headers["RateLimit"].startswith('"requests";r=0;t=')
    assert answers[0].headers["RateLimit"].startswith('"requests";r=1;t=')


def test_a_quota_of_images_a_day(callers: Callers, store: LocalStore) -> None:
    client = callers.client("few", quota_items=3)
    image = put(client, picture())
    submit(client, [image, image])
    answer = client.post("/v1/jobs", json={"images": [{"id": image}] * 2})
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    submit(client, [image])
    assert len({key.split("/")[1] for key in store.keys("jobs/")}) == 2, "the refused one is gone"


def test_a_quota_of_stored_bytes(callers: Callers) -> None:
    client = callers.client("small", quota_bytes=len(picture(1)) + 10)
    image = put(client, picture(1))
    assert client.put(f"/v1/images/{image}", content=picture(1)).status_code == 200
    answer = client.put(f"/v1/images/sha256-{digest(picture(2))}", content=picture(2))
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    files = [("files", ("a.jpg", picture(3)))]
    assert client.post("/v1/jobs", files=files).status_code == 429


def test_owners_outlive_redis(callers: Callers, redis: Redis, worker: FakeWorker) -> None:
    owner, other = callers.client("owner"), callers.client("other")
    kept = put(owner, picture(5))
    image = put(owner, picture())
    put(other, picture(5))
    entry = {"name": "one", "sha256": digest(picture())}
    owner.post("/v1/datasets/own/images", json=[entry])
    job_id = submit(owner, [image])
    worker.finish(job_id)

    def images(client: httpx.Client) -> list[dict[str, object]]:
        # Signed URLs change with the time.
        found = client.get("/v1/images").json()["images"]
        return [{k: v for k, v in image.items() if not k.endswith("_url")} for image in found]

    before = [images(client) for client in (owner, other)]
    usage = {owner_: bytes_stored(callers.storage, owner_) for owner_ in _ids(callers)}
    redis.flushall()
    callers.storage.reconciler.run()
    assert [images(client) for client in (owner, other)] == before
    assert {o: bytes_stored(callers.storage, o) for o in _ids(callers)} == usage
    assert other.get(f"/v1/images/{image}").status_code == 404
    assert other.get(f"/v1/images/{kept}").is_success
    assert other.get(f"/v1/jobs/{job_id}").status_code == 404
    assert owner.get(f"/v1/jobs/{job_id}").is_success


def _ids(callers: Callers) -> list[str]:
    return [key.id for key in callers.storage.api_keys.list()]


class HangingKeys:
    """Keys in a store that answers after the latch is released."""

    def __init__(self, keys: list[ApiKey]) -> None:
        self.latch = Latch()
        self.hangs = False
        self.listings = 0
        self._keys = keys

    def list(self) -> list[ApiKey]:
        self.listings += 1
        if self.hangs:
            self.latch.hold()
        return self._keys


def test_keys_go_on_to_open_while_the_store_hangs(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request would wait for the store, also those that need none, as /metrics."""
    monkeypatch.setattr(access, "LIST_S", 0.05)
    key_id, text = new_key_text()
    key = ApiKey(key_id, "camera", sha256_of(text.encode()), (Scope.READ,), 1)
    keys = HangingKeys([key])

    async def run() -> None:
        client = connect_async_redis(settings)
        asked = access.Access(settings, keys, client)  # type: ignore[arg-type]
        keys.hangs = True
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await asked.caller(text, "127.0.0.1")
        keys.latch.release()
        while keys.listings and asked._known is None:
            with suppress(StoreUnavailable):
                await asked.caller(text, "127.0.0.1")
        keys.latch = Latch()
        for reason in ("age", "revision"):
            listings = keys.listings
            asked._read = float("-inf")
            if reason == "revision":
                await client.set(REVISION, "new")
            begun = time.monotonic()
            for _ in range(20):
                asked._checked = float("-inf")
                assert (await asked.caller(text, "127.0.0.1")).owner == key_id
            assert keys.listings <= listings + 1, "one listing runs at a time"
            assert time.monotonic() - begun < 30
        keys.latch.release()
        await asked.close()

    asyncio.run(run())


def test_the_first_request_waits_for_no_store_that_hung_at_the_start(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "LIST_S", 1.0)
    keys = HangingKeys([])
    keys.hangs = True

    async def run() -> None:
        asked = access.Access(settings, keys, connect_async_redis(settings))  # type: ignore[arg-type]
        await asked.read_ahead()
        listing = asked._listing
        assert listing is not None
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await asked.caller("key", "127.0.0.1")
        assert asked._listing is listing, "it waits for the reading that began before it"
        keys.latch.release()
        await listing.task
        assert (await asked.caller(None, "127.0.0.1")).key is None
        assert keys.listings == 1
        await asked.close()

    asyncio.run(run())


def test_the_name_of_an_upload_belongs_to_its_key(callers: Callers, redis: Redis) -> None:
    one, other = callers.client("one"), callers.client("other")
    for client, name in ((one, "secret plan.jpg"), (other, "b.jpg")):
        client.post("/v1/images", files=[("files", (name, picture()))]).raise_for_status()
    image_id = f"sha256-{digest(picture())}"
    for _ in range(2):
        assert one.get(f"/v1/images/{image_id}").json()["filename"] == "secret plan.jpg"
        assert other.get(f"/v1/images/{image_id}").json()["filename"] == "b.jpg"
        assert other.get("/v1/images", params={"q": "secret"}).json()["images"] == []
        one.delete(f"/v1/images/{image_id}").raise_for_status()
        assert redis.keys("rm:uploads:names:*") != []
        one.post("/v1/images", files=[("files", ("secret plan.jpg", picture()))])
    other.delete(f"/v1/images/{image_id}").raise_for_status()
    one.delete(f"/v1/images/{image_id}").raise_for_status()
    assert redis.keys("rm:uploads:names:*") == []


def test_a_dataset_of_any_name_has_an_owner(
    callers: Callers, empty_api: ApiServer, redis: Redis
) -> None:
    one, other = callers.client("one"), callers.client("other")
    put(one, picture())
    entries = [{"name": "a", "sha256": digest(picture())}]
    for name in ("my drive", "東京", "plain", "." * 3):
        path = f"/v1/datasets/{name}"
        assert one.post(f"{path}/images", json=entries).status_code == 201, name
        redis.delete("rm:datasets")
        empty_api.app.state.components.storage.ownership.rebuild(lambda key, error: None)
        assert other.post(f"{path}/images", json=entries).status_code in (403, 404), name
        assert name not in [found["name"] for found in other.get("/v1/datasets").json()]
    one.delete("/v1/datasets/my drive").raise_for_status()
