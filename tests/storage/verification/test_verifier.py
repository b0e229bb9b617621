"""`roadmask store verify` finds what is damaged, names it, and makes good what it can."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner
from redis import Redis

from roadmask.hashing import sha256_of
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry
from storage.backends import StorageBackends
from storage.catalogue.entry import read_entry
from storage.catalogue.uploaded_image import UploadedImage
from storage.cli import store as command
from storage.jobs.archive import final_record_key, read_final_record
from storage.jobs.manifest import part_key
from storage.jobs.results import sealed_key
from storage.masks.facts import MaskFacts, StoredBytes, write_facts
from storage.objects.keys import (
    catalogue_key,
    facts_key,
    image_key,
    job_file_key,
    mask_keys,
    truth_key,
)
from storage.objects.local import LocalStore
from storage.verification.verifier import Verifier
from tests.harness.storage.records_harness import RecordsHarness
from tests.storage.catalogue.entries import FACTS

TRUTH = encode_mask(np.ones((FACTS.height, FACTS.width), np.uint8))


@pytest.fixture
def filled(harness: RecordsHarness) -> StorageBackends:
    """A service with an image, a truth, a mask, a catalogue entry, a job and a deployment."""
    storage = StorageBackends.build(harness.redis, harness.store, harness.settings)
    image = b"an image"
    store = harness.store
    store.put(image_key(sha256_of(image)), image, "image/jpeg")
    store.put(truth_key(sha256_of(TRUTH)), TRUTH, "image/png")
    storage.catalogue.add_uploads([UploadedImage(sha256_of(image), FACTS, len(image))])
    entry = CatalogueEntry(name="a", sha256=sha256_of(image), truth_sha256=sha256_of(TRUTH))
    storage.catalogue.register("d", [entry])
    keys = mask_keys(sha256_of(image), "artifact", {})
    store.put(keys.png, TRUTH, "image/png")
    facts = MaskFacts(
        width=FACTS.width,
        height=FACTS.height,
        shares={},
        artifact="a@1",
        made_at=datetime.now(UTC),
        timings_ms={},
        stored_mask=StoredBytes.of(store, keys.png, TRUTH),
    )
    write_facts(store, keys.facts, facts)
    storage.deployments.promote("a@1")
    return storage


def faults(storage: StorageBackends, repair: bool = False) -> dict[str, str]:
    """The damaged objects, each with what is wrong or was done."""
    verifier = Verifier(storage, repair=repair)
    found = [one for verify in verifier.kinds.values() for one in verify()]
    assert found, "something was verified"
    return {one.key: one.repair or one.fault for one in found if one.fault}


def test_a_sound_store_has_no_faults(harness: RecordsHarness, filled: StorageBackends) -> None:
    harness.work(harness.accept(40))
    harness.work(harness.accept(2), damaged=[0])
    harness.accept(2000)
    assert faults(filled) == {}


def test_contents_are_compared_with_their_hashes_and_asked_for_again(
    harness: RecordsHarness, filled: StorageBackends
) -> None:
    image, truth = sha256_of(b"an image"), sha256_of(TRUTH)
    harness.store.put(image_key(image), b"an imagE", "image/jpeg")
    harness.store.put(truth_key(truth), TRUTH[:-1], "image/png")
    keys = {image_key(image), truth_key(truth)}
    assert faults(filled).keys() == keys
    assert filled.catalogue.missing("images", [image]) == []
    assert faults(filled, repair=True).keys() == keys
    assert filled.catalogue.missing("images", [image]) == [image]
    assert filled.catalogue.missing("truths", [truth]) == [truth]


@pytest.mark.parametrize("damage", ["flipped", "short", "missing", "facts"])
def test_a_damaged_mask_is_made_again_after_a_repair(
    harness: RecordsHarness, filled: StorageBackends, damage: str
) -> None:
    [png] = [key for key in harness.store.keys("masks/") if key.endswith(".png")]
    facts = facts_key(png)
    damages: dict[str, Callable[[], None]] = {
        "flipped": lambda: harness.store.put(png, TRUTH[:-9] + b"?" + TRUTH[-8:], "image/png"),
        "short": lambda: harness.store.put(png, TRUTH[:-1], "image/png"),
        "missing": lambda: harness.store.delete(png),
        "facts": lambda: harness.store.put(facts, b'{"width": ', "application/json"),
    }
    damages[damage]()
    assert list(faults(filled)) == [facts]
    assert harness.store.exists(facts)
    faults(filled, repair=True)
    assert not harness.store.exists(facts)
    assert faults(filled) == {}


def test_a_mask_of_an_earlier_revision_is_read(
    harness: RecordsHarness, filled: StorageBackends
) -> None:
    [png] = [key for key in harness.store.keys("masks/") if key.endswith(".png")]
    facts = json.loads(harness.store.get(facts_key(png)))
    del facts["stored_mask"]
    harness.store.put(facts_key(png), json.dumps(facts).encode(), "application/json")
    assert faults(filled) == {}
    harness.store.put(png, TRUTH[:-20], "image/png")
    assert list(faults(filled)) == [facts_key(png)]


@pytest.mark.parametrize("name", ["a", "Straße 1"])
def test_an_entry_of_the_catalogue_is_written_again_from_redis(
    harness: RecordsHarness, filled: StorageBackends, name: str
) -> None:
    [image] = filled.catalogue.walk("d/a")
    filled.catalogue.register("d", [CatalogueEntry(name=name, sha256=image.sha256)])
    before, key = filled.catalogue.get(f"d/{name}"), catalogue_key(f"d/{name}")
    harness.store.put(key, b'{"id"', "application/json")
    assert list(faults(filled)) == [key]
    assert "from Redis" in faults(filled, repair=True)[key]
    assert faults(filled) == {}
    assert read_entry(harness.store, key) == before
    harness.redis.flushall()
    harness.store.put(key, b'{"id"', "application/json")
    assert "again" in faults(filled, repair=True)[key]


def test_missing_bytes_of_an_entry_are_asked_for(
    harness: RecordsHarness, filled: StorageBackends
) -> None:
    image = sha256_of(b"an image")
    harness.store.delete(image_key(image))
    found = faults(filled, repair=True)
    assert found.keys() == {catalogue_key("d/a"), catalogue_key(f"sha256-{image}")}
    assert filled.catalogue.missing("images", [image]) == [image]


def test_every_object_of_a_job_is_verified(
    harness: RecordsHarness, filled: StorageBackends
) -> None:
    job_id, few = harness.accept(40), harness.accept(2)
    harness.work(job_id)
    keys = {
        job_file_key(few): b"{}",
        part_key(job_id, 0): harness.store.get(part_key(job_id, 0))[:-30],
        sealed_key(job_id, 3, 0): b'{"index": 6}\n',
        final_record_key(job_id): b"half",
    }
    for key, data in keys.items():
        harness.store.put(key, data, "application/json")
    assert faults(filled).keys() == keys.keys()
    # Redis still has the end of the job.
    repaired = faults(filled, repair=True)
    assert "from Redis" in repaired[final_record_key(job_id)]
    assert read_final_record(harness.store, job_id) is not None


def test_a_damaged_deployment_is_named(harness: RecordsHarness, filled: StorageBackends) -> None:
    [key] = harness.store.keys("models/service!/")
    harness.store.put(key, b"", "application/json")
    assert list(faults(filled)) == [key]


def test_the_command_names_what_is_damaged_and_what_it_did(
    harness: RecordsHarness, filled: StorageBackends, store: LocalStore, redis: Redis
) -> None:
    env = {
        "ROADMASK_REDIS_URL": harness.settings.redis_url,
        "ROADMASK_DATA_DIR": str(harness.settings.data_dir),
    }
    sound = CliRunner().invoke(command, ["verify"], env=env)
    assert (sound.exit_code, "masks: 1 checked, 0 damaged" in sound.stdout) == (0, True)
    [png] = [key for key in harness.store.keys("masks/") if key.endswith(".png")]
    harness.store.delete(png)
    damaged = CliRunner().invoke(command, ["verify"], env=env)
    assert damaged.exit_code == 1
    assert f"damaged: {facts_key(png)}: {png} is missing or damaged." in damaged.stdout
    repaired = CliRunner().invoke(command, ["verify", "--repair"], env=env)
    assert repaired.exit_code == 0
    assert "Repaired: the mask is made again when its image is requested." in repaired.stdout
    ready = CliRunner().invoke(command, [], env=env)
    assert "is ready" in ready.stdout
