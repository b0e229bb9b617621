"""`python -m benchmarks.peers`: the same network, images and machine behind other servers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

import click
import httpx

from benchmarks import pictures
from benchmarks.engine import open_engine
from benchmarks.peers.peer import PEERS, ROOT, START_S, Peer
from benchmarks.section import Section, middle, options
from benchmarks.service import engine_rate, folder_rate
from ml.artifact import find_artifact
from roadmask import Client, Stack
from roadmask.masks import decode_mask
from roadmask.settings import Settings
from worker.models import full_name

WORDS = """
Images/s from JPEG files to mask PNGs with 8 clients at once. All servers are up and have answered
before; one after another is asked, and the others have nothing to do meanwhile. Medians and ranges
over the turns. With `keras` inside it is the network in float32, as their users have it; with
`auto` it is the engine that Roadmask chooses here. Sources and settings are in `benchmarks/peers/`.
`Roadmask, folder` is `Client.segment_folder`: a batch job with upload and download; `Roadmask, one
by one` are 8 clients that each wait for the mask of one image.
"""
CLIENTS = 8

Way = Callable[[list[Path]], float]
"""Images per second of files, in a folder of their own, that no way was given before."""


def by_clients(ask: Callable[[bytes], object], threads: ThreadPoolExecutor) -> Way:
    """Each thread asks for one image after another."""

    def way(paths: list[Path]) -> float:
        files = [path.read_bytes() for path in paths]
        return pictures.rate(len(files), lambda: list(threads.map(ask, files)))

    return way


def folder_way(client: Client) -> Way:
    """Roadmask's own way with many images."""
    return lambda paths: folder_rate(client, paths[0].parent, paths[0].parents[1] / "masks")


def peer_way(peer: Peer, url: str, client: httpx.Client, threads: ThreadPoolExecutor) -> Way:
    """A server that is running."""
    return by_clients(lambda data: decode_mask(peer.mask(client, url, data)), threads)


def ways(venvs: Path, engine: str, work: Path, probe: bytes, stack: ExitStack) -> dict[str, Way]:
    """By title; they end with `stack`."""
    threads = stack.enter_context(ThreadPoolExecutor(CLIENTS))
    # Before the worker, which would have to wait for the conversion of the network.
    predictor = open_engine()
    service = stack.enter_context(Stack(work / "data", port=0, start_timeout=2 * START_S))
    client = stack.enter_context(service.client())
    made: dict[str, Way] = {
        "bare engine": lambda paths: engine_rate(predictor, paths),
        "Roadmask, folder": folder_way(client),
        "Roadmask, one by one": by_clients(client.segment, threads),
    }
    limits = httpx.Limits(max_connections=CLIENTS)
    asking = stack.enter_context(httpx.Client(timeout=300, limits=limits))
    for peer in PEERS:
        log = work / f"{peer.folder}.log"
        url = stack.enter_context(peer.running(venvs, engine, log, probe))
        made[peer.title] = peer_way(peer, url, asking, threads)
    return made


def measure(
    venvs: Path, engine: str, count: int, repeats: int, size: tuple[int, int]
) -> Iterator[tuple[str, float]]:
    """Images per second by title, turn by turn."""
    os.environ["ROADMASK_ENGINE"] = engine
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        servers = ways(venvs, engine, work, next(pictures.jpegs(1, size)), stack)
        for way in servers.values():
            way(pictures.write(work / "turn" / "images", CLIENTS, size))
            rmtree(work / "turn")
        for turn in range(repeats):
            for title, way in servers.items():
                rate = way(pictures.write(work / "turn" / "images", count, size))
                print(f"{engine}, turn {turn + 1}: {title}: {rate:.2f} images/s", flush=True)
                rmtree(work / "turn")
                yield title, rate


@click.command()
@click.option("--images", default=64, show_default=True, help="Images of one turn.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default="2048x1024", show_default=True)
@click.option("--engine", "engines", multiple=True, default=["keras", "auto"], show_default=True)
@click.option("--venvs", type=click.Path(path_type=Path), default=ROOT / ".peers")
@options
def main(
    images: int,
    repeats: int,
    size: str,
    engines: list[str],
    venvs: Path,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table. The peers are installed on first use, each in a folder of `--venvs`."""
    if smoke:
        images, repeats, size = 8, 1, "240x180"
    model = full_name(find_artifact(Settings().model))
    measured: dict[str, dict[str, list[float]]] = {}
    for engine in engines:
        for title, rate in measure(venvs, engine, images, repeats, pictures.parse_size(size)):
            measured.setdefault(title, {}).setdefault(engine, []).append(rate)
    rows = [
        (title, *(middle(rates[engine], 2) for engine in engines))
        for title, rates in measured.items()
    ]
    head = (f"images/s, {size}", *(f"with `{engine}`" for engine in engines))
    Section("peers", "The same network behind other servers", WORDS, head, rows, model).publish(out)


if __name__ == "__main__":
    main()
