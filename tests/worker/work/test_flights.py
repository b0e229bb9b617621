"""Flights: two workers need the same masks at once, and one of them infers each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from roadmask.schemas.jobs import ItemState, Lane
from storage.jobs.leases import Claim, Leases
from storage.jobs.scripts import Begun
from tests.harness.images.worker_images import png
from tests.harness.latch import Latch
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.service_harness import ServiceHarness
from tests.harness.worker.tiny_model import Brightness, Images
from tests.worker.work.conftest import Start, work


def test_two_workers_infer_each_image_of_two_jobs_once(
    start: Start, service: ServiceHarness
) -> None:
    models = [Brightness(lambda _: time.sleep(0.005)) for _ in range(2)]
    processes = [start(model) for model in models]
    images = [service.image(png(n)) for n in range(60)]
    jobs = [service.accept(images) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, processes, repeat(service), jobs))
    assert [service.job(job).counts.succeeded for job in jobs] == [60, 60]
    assert sum(model.inferred for model in models) == 60
    assert sum(service.job(job).counts.cached for job in jobs) == 60
    assert {item.attempts for job in jobs for item in service.items(job)} <= {0, 1}
    assert list(service.redis.scan_iter("rm:flight:*")) == []


def test_an_interactive_image_waits_for_the_worker_that_infers_it(
    start: Start, service: ServiceHarness
) -> None:
    latch = Latch()
    models = [Brightness(lambda _: latch.hold()), Brightness()]
    busy, free = (start(model) for model in models)
    image = service.image(png())
    first = service.accept([image])
    second = service.accept([image], Lane.INTERACTIVE)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(busy.chunks.run, first, Lane.BATCH)
        latch.wait_until_reached()
        other = threads.submit(free.chunks.run, second, Lane.INTERACTIVE)
        time.sleep(0.1)
        assert not other.done()
        latch.release()
        one.result(PATIENCE_S)
        other.result(PATIENCE_S)
    assert service.job(second).counts.cached == 1
    assert [model.inferred for model in models] == [1, 0]


def fails_once() -> Callable[[Images], None]:
    """The fault of a model that fails on its first image."""
    faults = iter([RuntimeError("no kernel for this")])

    def fault(images: Images) -> None:
        # Not the blank image, which tells whether the model is broken.
        if images[0].shape[0] != 64 and (raised := next(faults, None)):
            raise raised

    return fault


def test_two_workers_do_not_wait_for_each_others_suspects(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, has_begun = Leases.begin, threading.local()
    both_have_begun = threading.Barrier(2, timeout=PATIENCE_S)

    def begin_at_once(leases: Leases, claim: Claim, indices: Sequence[int]) -> Begun:
        begun = begin(leases, claim, indices)
        if not hasattr(has_begun, "once"):
            has_begun.once = True
            both_have_begun.wait()
        return begun

    monkeypatch.setattr(Leases, "begin", begin_at_once)
    # One image at a time, so that each worker begins another one first.
    processes = [start(Brightness(fails_once()), max_batch=1) for _ in range(2)]
    one, other = service.image(png(1)), service.image(png(2))
    # Jobs of 32 images have chunks of two.
    jobs = [service.accept(images * 16) for images in ([one, other], [other, one])]
    threads = [
        threading.Thread(target=process.chunks.run, args=(job, Lane.BATCH))
        for process, job in zip(processes, jobs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    for job in jobs:
        items = service.items(job)[:2]
        assert {item.state for item in items} == {ItemState.SUCCEEDED}
        assert [item.attempts for item in items] == [2, 1]
