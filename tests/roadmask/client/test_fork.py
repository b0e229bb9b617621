"""A client in processes that were forked after it had connected."""

from __future__ import annotations

import multiprocessing
from threading import BrokenBarrierError

from roadmask import Client
from tests.harness.images.api_images import picture

PROCESSES = 8
ROUNDS = 20


def test_each_process_gets_its_own_answers(client: Client) -> None:
    images = [client.upload(picture(seed)).id for seed in range(PROCESSES)]
    context = multiprocessing.get_context("fork")
    together, wrong = context.Barrier(PROCESSES), context.SimpleQueue()

    def ask(image: str) -> None:
        try:
            for _ in range(ROUNDS):
                together.wait(10)
                found = client.image(image).id
                if found != image:
                    wrong.put(found)
        except BrokenBarrierError:
            pass
        except Exception as error:
            together.abort()
            wrong.put(repr(error))

    processes = [context.Process(target=ask, args=(image,)) for image in images]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert wrong.empty(), wrong.get()
